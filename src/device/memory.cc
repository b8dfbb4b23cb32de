#include "device/memory.h"

#include <cstdlib>
#include <fstream>
#include <string>

#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include "base/error.h"
#include "base/large_pages.h"

namespace stemma {
namespace {

constexpr std::size_t kAlignment = 64;

// Blocks of many pages are mapped, so that they go back to the system when released and can lie on
// huge pages; small ones come from the C library.
constexpr std::size_t kMapThreshold = std::size_t{1} << 20;

[[noreturn]] void out_of_memory(std::size_t bytes) {
  throw Error(ErrorCode::out_of_memory,
              fmt::format("[memory] cannot allocate {} bytes ({} bytes available): use a smaller "
                          "batch, a shorter sequence, a higher recompute level or a smaller model",
                          bytes, available_memory_bytes()));
}

class Heap final : public Allocator {
 public:
  Storage* allocate(std::size_t bytes) override {
    if (bytes > (std::size_t{1} << 46)) out_of_memory(bytes);
    auto storage = std::make_unique<Storage>();
    storage->bytes = bytes;
    storage->allocator = this;
    if (bytes >= kMapThreshold) {
      void* p =
          mmap(nullptr, rounded(bytes), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
      if (p == MAP_FAILED) out_of_memory(bytes);
      if (bytes >= kLargePage) madvise(p, rounded(bytes), MADV_HUGEPAGE);
      storage->data = static_cast<std::byte*>(p);
    } else {
      const std::size_t size = (bytes + kAlignment - 1) / kAlignment * kAlignment;
      storage->data =
          static_cast<std::byte*>(std::aligned_alloc(kAlignment, size ? size : kAlignment));
      if (!storage->data) out_of_memory(bytes);
    }
    return storage.release();
  }

  void release(Storage* storage) noexcept override {
    if (storage->bytes >= kMapThreshold)
      munmap(storage->data, rounded(storage->bytes));
    else
      std::free(storage->data);
    delete storage;
  }

 private:
  static std::size_t rounded(std::size_t bytes) { return (bytes + 4095) & ~std::size_t{4095}; }
};

// Storage over memory that another object owns.
struct Borrowed final : Storage {
  std::shared_ptr<const void> owner;
};

class Borrower final : public Allocator {
 public:
  Storage* allocate(std::size_t bytes) override { out_of_memory(bytes); }
  void release(Storage* storage) noexcept override { delete static_cast<Borrowed*>(storage); }
};

// A field of a /proc file in kilobytes, 0 where the file has none.
std::uint64_t proc_kilobytes(const char* path, const std::string& key) {
  std::ifstream file(path);
  for (std::string word; file >> word;) {
    if (word != key) continue;
    std::uint64_t value = 0;
    file >> value;
    return value;
  }
  return 0;
}

}  // namespace

Allocator& heap() {
  static Heap instance;
  return instance;
}

Storage* borrow(std::byte* data, std::size_t bytes, std::shared_ptr<const void> owner) {
  static Borrower borrower;
  auto storage = std::make_unique<Borrowed>();
  storage->data = data;
  storage->bytes = bytes;
  storage->allocator = &borrower;
  storage->owner = std::move(owner);
  return storage.release();
}

std::uint64_t peak_memory_bytes() { return proc_kilobytes("/proc/self/status", "VmHWM:") * 1024; }

std::uint64_t available_memory_bytes() {
  const std::uint64_t kilobytes = proc_kilobytes("/proc/meminfo", "MemAvailable:");
  if (kilobytes > 0) return kilobytes * 1024;
  // A bare chroot has no /proc.
  struct sysinfo info {};
  return sysinfo(&info) == 0 ? (info.freeram + info.bufferram) * info.mem_unit : 0;
}

}  // namespace stemma
