// The memory that tensors lie in: reference-counted blocks, and the allocators that give them out
// and take them back. Tensor (tensor/tensor.h) is what most code sees of it.
//
//   Storage* block = heap().allocate(bytes);
//   const StorageRef holder(block);  // given back to the heap when the last holder is gone
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>

namespace stemma {

class Allocator;

// A block of memory with an intrusive count of its holders; the allocator takes it back at zero.
struct Storage {
  std::atomic<std::int32_t> holders{0};
  std::byte* data = nullptr;
  std::size_t bytes = 0;
  Allocator* allocator = nullptr;
  std::int64_t slot = -1;  // the allocator's own index
};

// Owns Storage objects. An allocator outlives every storage it gave out.
class Allocator {
 public:
  virtual ~Allocator() = default;
  // Uninitialised memory aligned to 64 bytes. Throws out_of_memory with the amount asked for.
  virtual Storage* allocate(std::size_t bytes) = 0;
  virtual void release(Storage* storage) noexcept = 0;
};

// Plain memory, transparent huge pages for large blocks. Thread-safe.
Allocator& heap();

// Keeps `owner` alive as long as the storage: for memory that something else owns (a mapped file).
// The bytes must not be written unless the owner allows it.
Storage* borrow(std::byte* data, std::size_t bytes, std::shared_ptr<const void> owner);

// The holder of a storage.
class StorageRef {
 public:
  StorageRef() = default;
  explicit StorageRef(Storage* storage) : storage_(storage) { retain(); }
  StorageRef(const StorageRef& other) : storage_(other.storage_) { retain(); }
  StorageRef(StorageRef&& other) noexcept : storage_(other.storage_) { other.storage_ = nullptr; }
  StorageRef& operator=(StorageRef other) noexcept {
    Storage* mine = storage_;
    storage_ = other.storage_;
    other.storage_ = mine;
    return *this;
  }
  ~StorageRef() {
    if (storage_ && storage_->holders.fetch_sub(1, std::memory_order_acq_rel) == 1)
      storage_->allocator->release(storage_);
  }
  Storage* get() const { return storage_; }

 private:
  void retain() {
    if (storage_) storage_->holders.fetch_add(1, std::memory_order_relaxed);
  }
  Storage* storage_ = nullptr;
};

// Peak resident set of this process (VmHWM) and memory the machine still has, in bytes.
std::uint64_t peak_memory_bytes();
std::uint64_t available_memory_bytes();

}  // namespace stemma
