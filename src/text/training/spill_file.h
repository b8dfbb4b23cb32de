// Bytes put aside on disk, in a file that has no name: nothing is left of it however the process
// ends. Private to text/.
//
//   SpillFile file(folder);
//   const SpillFile::Run run = file.append(bytes);
//   file.read(run) == bytes;
//
// Any thread. Throws device: the folder cannot be written to, the disk is full, a read failed.
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

  // `folder` exists.
  explicit SpillFile(std::filesystem::path folder);
  ~SpillFile();
  SpillFile(const SpillFile&) = delete;
  SpillFile& operator=(const SpillFile&) = delete;

  Run append(std::string_view bytes);
  std::string read(const Run& run) const;
  // The run is not read again: its place on the disk is given back, where the file system can.
  void release(const Run& run) noexcept;

 private:
  std::filesystem::path folder_;
  int descriptor_ = -1;
  std::atomic<std::uint64_t> size_{0};
};

}  // namespace stemma::bpe_training
