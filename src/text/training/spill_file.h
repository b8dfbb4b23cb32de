// An anonymous temporary file (O_TMPFILE) for data that does not fit in memory. It has no name in
// the file system, so nothing is left of it however the process ends. Private to text/.
//
//   SpillFile file(folder);
//   const SpillFile::Run run = file.append(bytes);
//   file.read(run) == bytes;
//
// Any number of threads may use it at once. Throws device when the folder cannot be written to, the
// disk is full or a read fails.
#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

namespace stemma::bpe_training {

class SpillFile {
 public:
  struct Run {
    std::uint64_t begin = 0, size = 0;
  };

  // `folder` must exist.
  explicit SpillFile(std::filesystem::path folder);
  ~SpillFile();
  SpillFile(const SpillFile&) = delete;
  SpillFile& operator=(const SpillFile&) = delete;

  Run append(std::string_view bytes);
  std::string read(const Run& run) const;
  // Frees the disk space of a run that is not read again, where the file system supports holes.
  void release(const Run& run) noexcept;

 private:
  std::filesystem::path folder_;
  int descriptor_ = -1;
  std::atomic<std::uint64_t> size_{0};
};

}  // namespace stemma::bpe_training
