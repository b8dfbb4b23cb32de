// The text of a file as a stream of UTF-8, decompressed and converted on the way by what the file
// holds: gzip (several members too), zstd (several frames too), and UTF-16 and UTF-32 behind their
// byte-order marks. What is named .gz or .zst must be that. Halves of characters become U+FFFD, a
// byte-order mark is left out, and all other bytes come as they lie.
//
//   auto source = ByteSource::open({"books.txt.zst"});
//   while (const std::size_t got = source->read(buffer, sizeof buffer)) use(buffer, got);
//
// Memory: one input buffer of 256 KiB and the decoder's window (zstd: at most 128 MiB). One thread
// at a time. Throws not_found (no such file), device (read error), corrupt (damaged or truncated
// compressed data; names the file and the byte of the compressed file where it was noticed),
// unsupported (a zstd window above 128 MiB).
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

#include "data/text_file.h"

namespace stemma {

class ByteSource {
 public:
  static std::unique_ptr<ByteSource> open(const TextFile& file);
  virtual ~ByteSource() = default;

  // Fills `out`; fewer bytes than `size` come only at the end of the data.
  virtual std::size_t read(char* out, std::size_t size) = 0;
  // Bytes of the file on disk read so far, for progress.
  virtual std::uint64_t position() const = 0;
  // Of the bytes before they were converted; known once something was read.
  virtual TextEncoding encoding() const { return TextEncoding::utf8; }
  // Halves of characters that became U+FFFD so far.
  virtual std::uint64_t replaced() const { return 0; }
};

// The last extension of a name, in lower case: "BOOKS.GZ" → ".gz".
std::string lower_extension(const std::filesystem::path& path);

// All of it. Throws unsupported for more than `limit_bytes`.
std::string read_text(const TextFile& file, std::uint64_t limit_bytes);

// The lines of a file.
class LineReader {
 public:
  explicit LineReader(const TextFile& file);

  // Appends the next line with its "\n" (the last line may have none); false at the end. Throws
  // unsupported when `text` would become longer than `limit_bytes`.
  bool append_line(std::string& text, std::uint64_t limit_bytes);
  // The number of the line read last, counted from 1.
  std::uint64_t line() const { return line_; }
  std::uint64_t position() const { return source_->position(); }
  std::uint64_t replaced() const { return source_->replaced(); }

 private:
  bool refill();

  std::filesystem::path path_;
  std::unique_ptr<ByteSource> source_;
  std::string buffer_;
  std::size_t next_ = 0, end_ = 0;
  std::uint64_t line_ = 0;
};

}  // namespace stemma
