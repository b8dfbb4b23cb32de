// The lines of a file or of a pipe, with a look at its first ones before they are read.
//
//   Lines lines("train.tsv");
//   decide(lines.begin());
//   for (std::string line; lines.next(line); line.clear()) use(line, lines.line());
//
// Of a file begin() is its first 64 KiB, decompressed; of a pipe its first line with something in
// it, because more may come only when that one was answered. Private to data/labelled. Throws
// unsupported (no text; a line above the limit) and what byte_source.h and pipe.h throw.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "data/byte_source.h"
#include "data/pipe.h"

namespace stemma::labelled {

inline constexpr std::uint64_t kLongestRowBytes = 64 << 20;

class Lines {
 public:
  explicit Lines(const std::filesystem::path& path);
  // The lines of a text that is there.
  static Lines of_text(std::string text);

  // The file's name for messages.
  const std::string& name() const { return name_; }
  // "train.tsv:17", of the line read last.
  std::string place() const;
  const std::string& begin() const { return begin_; }
  // begin() is all that there is.
  bool whole() const { return whole_; }
  bool streamed() const { return pipe_ != nullptr; }

  // Appends the next line with its "\n" (the last one may have none); false at the end.
  bool next(std::string& line);
  std::uint64_t line() const { return reader_ ? reader_->line() : line_; }
  std::uint64_t replaced() const { return reader_ ? reader_->replaced() : 0; }

 private:
  Lines() = default;
  void open_file(const TextFile& file);
  void open_pipe(const std::filesystem::path& path);
  bool refill();
  bool next_of_pipe(std::string& line);

  std::string name_, begin_;
  bool whole_ = false;
  std::unique_ptr<LineReader> reader_;  // of a file
  std::unique_ptr<Pipe> pipe_;          // or of a pipe, with what it gave from next_ on
  std::string buffer_;
  std::size_t next_ = 0;
  bool ended_ = false;
  std::uint64_t line_ = 0;
};

// The line without "\n" or "\r\n".
std::string_view without_end(std::string_view line);
bool is_blank(std::string_view text);
std::string_view trimmed(std::string_view text);

}  // namespace stemma::labelled
