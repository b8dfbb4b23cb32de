#include "base/file.h"

#include <atomic>
#include <cerrno>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/progress.h"

namespace stemma {
namespace {

constexpr std::size_t kBufferBytes = 1 << 20;

// Not strerror(), which is not safe with threads.
std::string reason(int error) { return std::generic_category().message(error); }

[[noreturn]] void throw_read_error(const std::filesystem::path& path, int error) {
  const bool missing = error == ENOENT || error == ENOTDIR || error == EISDIR;
  throw Error(missing ? ErrorCode::not_found : ErrorCode::device,
              fmt::format("[file] cannot read {}: {}", path.string(), reason(error)));
}

[[noreturn]] void throw_write_error(const std::filesystem::path& path, int error) {
  std::string text = fmt::format("[file] cannot write {}: {}", path.string(), reason(error));
  if (error == ENOSPC || error == EDQUOT) {
    std::error_code ignored;
    const auto space = std::filesystem::space(path.parent_path(), ignored);
    if (!ignored) text += fmt::format(" (free: {})", format_bytes(space.available));
    text += "; make room or choose another folder";
  } else if (error == EFBIG) {
    text += "; the file system or a limit (ulimit -f) forbids a file of this size";
  } else if (error == ENOENT) {
    text += fmt::format("; the folder {} must exist", path.parent_path().string());
  }
  throw Error(ErrorCode::device, text);
}

// An open file that closes itself.
class Descriptor {
 public:
  explicit Descriptor(int value) : value_(value) {}
  ~Descriptor() {
    if (value_ >= 0) ::close(value_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int value() const { return value_; }

 private:
  int value_;
};

struct stat checked_stat(int descriptor, const std::filesystem::path& path) {
  struct stat status = {};
  if (::fstat(descriptor, &status) != 0) throw_read_error(path, errno);
  if (S_ISDIR(status.st_mode)) throw_read_error(path, EISDIR);
  return status;
}

[[noreturn]] void throw_too_large(const std::filesystem::path& path, std::uint64_t limit_bytes) {
  throw Error(ErrorCode::invalid_argument,
              fmt::format("[file] {} must be at most {}: is this the right file?", path.string(),
                          format_bytes(limit_bytes)));
}

}  // namespace

MappedFile::MappedFile(const std::filesystem::path& path) {
  // Without O_NONBLOCK, opening a named pipe would wait for a writer.
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (file.value() < 0) throw_read_error(path, errno);
  const struct stat status = checked_stat(file.value(), path);
  if (!S_ISREG(status.st_mode))
    throw Error(ErrorCode::invalid_argument,
                fmt::format("[file] {} must be an ordinary file, is a pipe or device; save its "
                            "content to a file first",
                            path.string()));
  if (status.st_size == 0) return;
  const auto size = static_cast<std::size_t>(status.st_size);
  void* const data = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file.value(), 0);
  if (data == MAP_FAILED) throw_read_error(path, errno);
  data_ = static_cast<const std::byte*>(data);
  size_ = size;
}

MappedFile::~MappedFile() {
  if (data_ != nullptr) ::munmap(const_cast<std::byte*>(data_), size_);
}

void MappedFile::forget(std::span<const std::byte> part) const {
  static const auto page = static_cast<std::uintptr_t>(sysconf(_SC_PAGESIZE));
  const auto begin = (reinterpret_cast<std::uintptr_t>(part.data()) + page - 1) / page * page;
  const auto end = reinterpret_cast<std::uintptr_t>(part.data() + part.size()) / page * page;
  // Only advice: where it is not taken, nothing changes.
  if (begin < end) madvise(reinterpret_cast<void*>(begin), end - begin, MADV_DONTNEED);
}

MappedFile::MappedFile(MappedFile&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}

MappedFile& MappedFile::operator=(MappedFile&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  return *this;
}

std::string read_file(const std::filesystem::path& path, std::uint64_t limit_bytes) {
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.value() < 0) throw_read_error(path, errno);
  const auto expected = static_cast<std::uint64_t>(checked_stat(file.value(), path).st_size);
  if (expected > limit_bytes) throw_too_large(path, limit_bytes);
  // Pipes and /proc say size 0, so read until the end whatever was expected.
  std::string text(static_cast<std::size_t>(expected), '\0');
  std::size_t used = 0;
  for (;;) {
    if (used == text.size()) {
      char more[1 << 12];
      const ssize_t got = ::read(file.value(), more, sizeof more);
      if (got == 0) break;
      if (got > 0) text.append(more, static_cast<std::size_t>(got));
      if (got < 0 && errno != EINTR) throw_read_error(path, errno);
      used = text.size();
    } else {
      const ssize_t got = ::read(file.value(), text.data() + used, text.size() - used);
      if (got == 0) break;
      if (got > 0) used += static_cast<std::size_t>(got);
      if (got < 0 && errno != EINTR) throw_read_error(path, errno);
    }
    if (used > limit_bytes) throw_too_large(path, limit_bytes);
  }
  text.resize(used);
  return text;
}

AtomicFile::AtomicFile(const std::filesystem::path& path) : path_(std::filesystem::absolute(path)) {
  static std::atomic<unsigned> next{0};
  std::error_code ignored;
  if (path == "-" || path == "/dev/stdout") {  // opened anew, a file would lose what it has
    descriptor_ = ::dup(STDOUT_FILENO);
    if (descriptor_ < 0) throw_write_error(path_, errno);
    return;
  }
  // Behind a link lies the file that is meant.
  if (std::filesystem::is_symlink(path_, ignored))
    path_ = std::filesystem::weakly_canonical(path_, ignored);
  // A device or a pipe is written to, not replaced.
  if (std::filesystem::exists(path_, ignored) &&
      !std::filesystem::is_regular_file(path_, ignored)) {
    descriptor_ = ::open(path_.c_str(), O_WRONLY | O_CLOEXEC);
    if (descriptor_ < 0) throw_write_error(path_, errno);
    return;
  }
  // A process that was killed may have left a temporary file, and its number may come again.
  do {
    temporary_ = path_;
    temporary_ += fmt::format(".tmp-{}-{}", ::getpid(), next.fetch_add(1));
    descriptor_ = ::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  } while (descriptor_ < 0 && errno == EEXIST);
  if (descriptor_ < 0) throw_write_error(path_, errno);
}

AtomicFile::~AtomicFile() {
  if (descriptor_ >= 0) ::close(descriptor_);
  if (!temporary_.empty()) ::unlink(temporary_.c_str());
}

void AtomicFile::write(std::span<const std::byte> bytes) {
  write(std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size()));
}

void AtomicFile::write(std::string_view text) {
  if (descriptor_ < 0)
    throw Error(ErrorCode::internal,
                fmt::format("[file] {} was written to after commit()", path_.string()));
  if (buffer_.size() + text.size() >= kBufferBytes) flush();
  if (text.size() < kBufferBytes)
    buffer_.append(text);
  else
    write_through(text);
}

void AtomicFile::flush() {
  write_through(buffer_);
  buffer_.clear();
}

void AtomicFile::write_through(std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(descriptor_, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) throw_write_error(path_, errno);
    text.remove_prefix(static_cast<std::size_t>(written));
  }
}

void AtomicFile::commit() {
  if (descriptor_ < 0)
    throw Error(ErrorCode::internal,
                fmt::format("[file] commit() was called twice for {}", path_.string()));
  flush();
  if (temporary_.empty()) {  // a device or a pipe
    if (::close(std::exchange(descriptor_, -1)) != 0) throw_write_error(path_, errno);
    return;
  }
  if (::fsync(descriptor_) != 0) throw_write_error(path_, errno);
  // Network file systems report some write errors at close only.
  if (::close(std::exchange(descriptor_, -1)) != 0) throw_write_error(path_, errno);
  if (::rename(temporary_.c_str(), path_.c_str()) != 0) throw_write_error(path_, errno);
  temporary_.clear();
  sync_folder(path_.parent_path());
}

FolderLock::FolderLock(const std::filesystem::path& folder) {
  const std::filesystem::path path = folder / ".lock";
  descriptor_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  if (descriptor_ < 0) throw_write_error(path, errno);
  // A file system without locks is no reason not to work.
  if (::flock(descriptor_, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK) return;
  ::close(descriptor_);
  throw Error(ErrorCode::invalid_argument,
              fmt::format("[file] another process works in {}: wait for its end, or choose another "
                          "folder",
                          folder.string()));
}

FolderLock::~FolderLock() { ::close(descriptor_); }

void sync_folder(const std::filesystem::path& folder) {
  const Descriptor opened(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  // Some file systems cannot sync a folder and say EINVAL; there is nothing better to do there.
  if (opened.value() < 0 || (::fsync(opened.value()) != 0 && errno != EINVAL))
    throw Error(ErrorCode::device, fmt::format("[file] cannot sync the folder {}: {}",
                                               folder.string(), reason(errno)));
}

}  // namespace stemma
