// A pipe, or standard input, read as its bytes come: a signal ends the wait, and a line that a
// person types is there at once.
//
//   Pipe pipe("-");
//   while (const std::size_t got = pipe.read(buffer, sizeof buffer)) use(buffer, got);
//
// One thread at a time. Throws not_found (cannot be opened), device (cannot be read),
// InterruptedWait.
#pragma once

#include <cstddef>
#include <filesystem>

namespace stemma {

class Pipe {
 public:
  // "-" is standard input, which stays open.
  explicit Pipe(const std::filesystem::path& path);
  ~Pipe();
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;

  // Waits for bytes and takes those that are there, at most `size`; 0 at the end.
  std::size_t read(char* out, std::size_t size);

 private:
  std::filesystem::path path_;
  int descriptor_;
};

}  // namespace stemma
