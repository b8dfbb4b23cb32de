#include "serve/keys.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include <fmt/format.h>

#include "base/error.h"
#include "base/file.h"

namespace stemma::serve {
namespace {

constexpr std::uint64_t kMostKeyBytes = 1 << 20;
constexpr std::size_t kLeastKey = 8;

bool same_text(std::string_view shown, std::string_view key) {
  unsigned different = shown.size() == key.size() ? 0 : 1;
  for (std::size_t i = 0; i < shown.size(); ++i)
    different |=
        static_cast<unsigned char>(shown[i]) ^ static_cast<unsigned char>(key[i % key.size()]);
  return different == 0;
}

struct ParsedKey {
  std::string text;
  std::optional<double> per_minute;
};

// "KEY" or "KEY 60"; nothing where the line is neither.
std::optional<ParsedKey> parsed(const std::string& line) {
  const std::size_t blank = std::min(line.find(' '), line.size());
  ParsedKey key{line.substr(0, blank), {}};
  const bool plain =
      std::ranges::all_of(key.text, [](unsigned char c) { return c > ' ' && c < 0x7f; });
  if (key.text.size() < kLeastKey || !plain) return std::nullopt;
  if (blank == line.size()) return key;
  double value = 0;
  const char* const end = line.data() + line.size();
  const auto [next, error] = std::from_chars(line.data() + blank + 1, end, value);
  if (error != std::errc() || next != end || !std::isfinite(value) || value <= 0)
    return std::nullopt;
  key.per_minute = value;
  return key;
}

}  // namespace

Keys Keys::of_file(const std::filesystem::path& file) {
  Keys keys;
  const std::string text = read_file(file, kMostKeyBytes);
  std::size_t number = 0;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    std::string line = text.substr(begin, end - begin);
    begin = end + 1;
    ++number;
    if (line.ends_with('\r')) line.pop_back();
    if (line.empty() || line.starts_with('#')) continue;
    const auto key = parsed(line);
    if (!key)
      throw Error(ErrorCode::corrupt,
                  fmt::format("[serve] {} line {}: a line must be a key of at least {} characters "
                              "without blanks, and perhaps a blank and the requests a minute that "
                              "it may ask",
                              file.string(), number, kLeastKey));
    keys.keys_.push_back({key->text, key->per_minute});
  }
  if (keys.keys_.empty())
    throw Error(ErrorCode::corrupt,
                fmt::format("[serve] {} has no key: write one in each line", file.string()));
  return keys;
}

std::optional<std::size_t> Keys::find(std::string_view authorization) const {
  constexpr std::string_view kBearer = "Bearer ";
  // The scheme's name has no case (RFC 9110, 11.1).
  const auto same_letter = [](char a, char b) { return (a | 0x20) == (b | 0x20); };
  if (authorization.size() < kBearer.size() ||
      !std::ranges::equal(authorization.substr(0, kBearer.size()), kBearer, same_letter))
    return std::nullopt;
  authorization.remove_prefix(kBearer.size());
  std::optional<std::size_t> found;
  for (std::size_t i = 0; i < keys_.size(); ++i)
    if (same_text(authorization, keys_[i].text)) found = i;
  return found;
}

}  // namespace stemma::serve
