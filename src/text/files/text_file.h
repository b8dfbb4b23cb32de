// Helpers of the readers of plain text files: a bounded read, checks of the encoding, and lines.
// Private to text/.
//
//   const std::string text = read_tokenizer_file("vocab.txt");
//   check_plain_text(text, "vocab.txt");
//   LineReader lines(text);
//   for (std::string_view line; lines.next(line);) ...     // it is line lines.number()
//
// Views stay valid as long as the text. One thread for each reader.
#pragma once

#include <cstddef>
#include <filesystem>
#include <initializer_list>
#include <string>
#include <string_view>

namespace stemma::tokenizer_files {

// The whole file. Throws not_found, device; corrupt above 256 MiB (the largest published file of a
// tokenizer has 28 MB), before anything is read.
std::string read_tokenizer_file(const std::filesystem::path& path);

// Removes from `folder` the tokenizer files that are not among `written`: those of another
// tokenizer would contradict them.
void remove_other_tokenizer_files(const std::filesystem::path& folder,
                                  std::initializer_list<std::string_view> written);

// Throws corrupt where the text is not UTF-8.
void check_utf8(std::string_view text, const std::string& where);

// Throws corrupt where the text is UTF-16, begins with a byte order mark or holds a NUL byte.
void check_plain_text(std::string_view text, const std::string& where);

// Lines end with LF or CRLF, the last one also without.
class LineReader {
 public:
  explicit LineReader(std::string_view text) : rest_(text) {}

  // False at the end of the text.
  bool next(std::string_view& line) {
    if (rest_.empty()) return false;
    const std::size_t length = rest_.find('\n');
    line = rest_.substr(0, length);
    rest_.remove_prefix(length == rest_.npos ? rest_.size() : length + 1);
    if (line.ends_with('\r')) line.remove_suffix(1);
    ++number_;
    return true;
  }
  bool at_end() const { return rest_.empty(); }
  // Of the line read last; the first is 1.
  std::size_t number() const { return number_; }

 private:
  std::string_view rest_;
  std::size_t number_ = 0;
};

}  // namespace stemma::tokenizer_files
