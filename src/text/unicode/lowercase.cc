#include "text/unicode/lowercase.h"

#include "text/unicode/unicode.h"
#include "text/unicode/utf8.h"

namespace stemma::unicode {
namespace {

constexpr char32_t kCapitalIWithDot = 0x130;

// c ≥ 0x80, and no surrogate.
void append_not_ascii(char32_t c, std::string& text) {
  const auto trailing = [&](int shift) {
    text.push_back(static_cast<char>(0x80 | (c >> shift & 0x3F)));
  };
  if (c < 0x800) {
    text.push_back(static_cast<char>(0xC0 | c >> 6));
  } else if (c < 0x10000) {
    text.push_back(static_cast<char>(0xE0 | c >> 12));
    trailing(6);
  } else {
    text.push_back(static_cast<char>(0xF0 | c >> 18));
    trailing(12);
    trailing(6);
  }
  trailing(0);
}

}  // namespace

std::string lowercase(std::string_view text) {
  std::string lower;
  lower.reserve(text.size());
  for (std::size_t at = 0; at < text.size();) {
    const char byte = text[at];
    char32_t c = 0;
    const std::size_t length = decode_utf8(text.substr(at), c);
    if (length <= 1) {
      const bool is_capital = byte >= 'A' && byte <= 'Z';
      lower.push_back(is_capital ? static_cast<char>(byte | 0x20) : byte);
      ++at;
      continue;
    }
    if (const char32_t small = lower_case(c); small == c)
      lower.append(text.substr(at, length));
    else if (c == kCapitalIWithDot)
      lower.append("i\u0307");
    else if (small < 0x80)
      lower.push_back(static_cast<char>(small));
    else
      append_not_ascii(small, lower);
    at += length;
  }
  return lower;
}

}  // namespace stemma::unicode
