// Files without half-written results: read-only mappings, whole-file reads, writes that show either
// the old content or the whole new one, and a lock on a folder.
//
//   const MappedFile weights("model.safetensors");  // weights.bytes()
//   const std::string text = read_file("config.json", 1 << 20);
//   AtomicFile out("metrics.json");
//   out.write(text);
//   out.commit();  // before this call the old file stands under the name
//
// Objects belong to one thread at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

namespace stemma {

// A file mapped read-only for the life of the object. Movable. An empty file gives an empty span.
class MappedFile {
 public:
  MappedFile() = default;
  // Throws not_found (no such file, or a folder), device (I/O error).
  explicit MappedFile(const std::filesystem::path& path);
  ~MappedFile();
  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&& other) noexcept;

  std::span<const std::byte> bytes() const { return {data_, size_}; }
  std::string_view text() const { return {reinterpret_cast<const char*>(data_), size_}; }

  // Takes the pages that lie wholly in `part` of bytes() out of this process's memory: what was
  // copied elsewhere need not be here too. They are read again when they are touched.
  void forget(std::span<const std::byte> part) const;

 private:
  const std::byte* data_ = nullptr;
  std::size_t size_ = 0;
};

// The whole file. Throws not_found, device; invalid_argument above `limit_bytes`.
std::string read_file(const std::filesystem::path& path, std::uint64_t limit_bytes = 1ull << 32);

// A file written under a temporary name in the same folder. commit() flushes, fsyncs, renames it to
// its final name and fsyncs the folder; without commit() the destructor removes it. So the final
// name shows the old content or the whole new one, whenever the process dies. A link is followed; a
// device or a pipe is written to directly, as is standard output, whose name is "-".
//
//   AtomicFile file("model.safetensors");
//   file.write(bytes);
//   file.commit();
class AtomicFile {
 public:
  // Throws device when the folder is missing or not writable.
  explicit AtomicFile(const std::filesystem::path& path);
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  // Throws device, naming the file and the reason ("no space left on device: free 1.2 GB ...").
  void write(std::span<const std::byte> bytes);
  void write(std::string_view text);
  void commit();

 private:
  void flush();
  void write_through(std::string_view text);

  std::filesystem::path path_, temporary_;
  std::string buffer_;
  int descriptor_ = -1;
};

// Keeps other processes from working in a folder for the life of the object: a lock on its file
// `.lock`, which the system lifts when the process ends, however that happens.
class FolderLock {
 public:
  // Throws invalid_argument when another process holds it, device when the folder is not writable.
  explicit FolderLock(const std::filesystem::path& folder);
  ~FolderLock();
  FolderLock(const FolderLock&) = delete;
  FolderLock& operator=(const FolderLock&) = delete;

 private:
  int descriptor_ = -1;
};

// fsync of a folder, so that renames in it last. Throws device.
void sync_folder(const std::filesystem::path& folder);

}  // namespace stemma
