#include "data/labelled/lines.h"

#include <algorithm>
#include <string_view>
#include <system_error>
#include <utility>

#include <fmt/format.h>

#include "base/error.h"
#include "data/text_content.h"

namespace stemma::labelled {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kBlanks = " \t\r\n\v\f";
constexpr std::string_view kUtf8Mark = "\xEF\xBB\xBF";
constexpr std::size_t kBlockBytes = 64 << 10;

// Compressed, or in another encoding: what only a ByteSource reads.
bool needs_converting(std::string_view begin) {
  return begin.starts_with("\x1F\x8B") || begin.starts_with("\x28\xB5\x2F\xFD") ||
         look_at(begin).encoding != TextEncoding::utf8;
}

}  // namespace

std::string_view without_end(std::string_view line) {
  if (line.ends_with('\n')) line.remove_suffix(1);
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

bool is_blank(std::string_view text) { return text.find_first_not_of(kBlanks) == text.npos; }

std::string_view trimmed(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(kBlanks);
  if (begin == text.npos) return {};
  return text.substr(begin, text.find_last_not_of(kBlanks) - begin + 1);
}

Lines::Lines(const fs::path& path) : name_(path == "-" ? "standard input" : path.string()) {
  std::error_code failure;
  if (path != "-" && (fs::is_regular_file(path, failure) || fs::is_directory(path, failure) ||
                      !fs::exists(path, failure)))
    open_file({.path = path, .bytes = 0, .piped = nullptr});
  else
    open_pipe(path);
}

Lines Lines::of_text(std::string text) {
  Lines lines;
  lines.buffer_ = std::move(text);
  lines.ended_ = true;
  return lines;
}

void Lines::open_file(const TextFile& file) {
  const auto source = ByteSource::open(file);
  begin_.resize(kLookBytes);
  begin_.resize(source->read(begin_.data(), begin_.size()));
  whole_ = begin_.size() < kLookBytes;
  // Damaged characters are said by row.
  if (const TextContent content = look_at(begin_, true); !content.refusal.empty())
    throw Error(ErrorCode::unsupported,
                fmt::format("[rows] {} cannot be read as text: it is {}", name_, content.refusal));
  reader_ = std::make_unique<LineReader>(file);
}

void Lines::open_pipe(const fs::path& path) {
  pipe_ = std::make_unique<Pipe>(path);
  // As far as the first line with something in it.
  std::size_t begin = 0;
  for (;;) {
    const std::size_t end = buffer_.find('\n', begin);
    if (end != buffer_.npos && buffer_.size() >= 4 && !is_blank(buffer_.substr(begin, end - begin)))
      break;
    if (end != buffer_.npos && buffer_.size() >= 4)
      begin = end + 1;
    else if (buffer_.size() - begin > kLongestRowBytes || !refill())
      break;
    if (begin == 0 && buffer_.size() >= 4 && needs_converting(buffer_)) break;
  }
  if (needs_converting(buffer_)) {
    while (refill()) {
    }
    const std::uint64_t bytes = buffer_.size();
    auto all = std::make_shared<const std::string>(std::move(buffer_));
    buffer_.clear();
    pipe_.reset();
    return open_file({.path = path, .bytes = bytes, .piped = std::move(all)});
  }
  if (buffer_.starts_with(kUtf8Mark)) {
    next_ = kUtf8Mark.size();
    begin = std::max(begin, next_);
  }
  begin_ = buffer_.substr(begin, buffer_.find('\n', begin) - begin);
  if (const TextContent content = look_at(begin_, true); !content.refusal.empty())
    throw Error(ErrorCode::unsupported,
                fmt::format("[rows] {} cannot be read as text: it is {}", name_, content.refusal));
}

bool Lines::refill() {
  if (ended_) return false;
  buffer_.erase(0, next_);
  next_ = 0;
  const std::size_t have = buffer_.size();
  buffer_.resize(have + kBlockBytes);
  const std::size_t got = pipe_->read(buffer_.data() + have, kBlockBytes);
  buffer_.resize(have + got);
  ended_ = got == 0;
  return !ended_;
}

bool Lines::next_of_pipe(std::string& line) {
  for (std::size_t looked = next_;;) {
    const std::size_t end = buffer_.find('\n', looked);
    if (end != buffer_.npos || ended_) {
      const std::size_t stop = end == buffer_.npos ? buffer_.size() : end + 1;
      if (next_ == stop) return false;
      line.append(buffer_, next_, stop - next_);
      next_ = stop;
      ++line_;
      return true;
    }
    if (buffer_.size() - next_ > kLongestRowBytes)
      throw Error(ErrorCode::unsupported,
                  fmt::format("[rows] {}:{}: a line is longer than {} bytes, the most that one may "
                              "have",
                              name_, line_ + 1, kLongestRowBytes));
    looked = buffer_.size() - next_;  // refill() moves the rest to the front
    refill();
  }
}

bool Lines::next(std::string& line) {
  return reader_ ? reader_->append_line(line, kLongestRowBytes) : next_of_pipe(line);
}

std::string Lines::place() const { return fmt::format("{}:{}", name_, line()); }

}  // namespace stemma::labelled
