#include "text/unicode/code_points.h"

#include <algorithm>

#include "text/unicode/utf8.h"

namespace stemma::unicode {
namespace {

constexpr char32_t kReplacementCharacter = 0xFFFD;

struct Decoded {
  char32_t c = kReplacementCharacter;
  std::size_t length = 1;
};

// bytes: not empty.
Decoded decode_or_replace(std::string_view bytes) {
  Decoded decoded;
  const std::size_t length = decode_utf8(bytes, decoded.c);
  if (length > 0) {
    decoded.length = length;
    return decoded;
  }
  // The longest start of a character, at most 3 bytes since a fourth would complete it.
  decoded.c = kReplacementCharacter;
  for (std::size_t part = std::min<std::size_t>(3, bytes.size()); part > 1; --part) {
    if (incomplete_utf8_tail(bytes.substr(0, part)) == part) {
      decoded.length = part;
      break;
    }
  }
  return decoded;
}

}  // namespace

std::u32string to_code_points(std::string_view bytes) {
  std::u32string text;
  text.reserve(bytes.size());
  while (!bytes.empty()) {
    const Decoded next = decode_or_replace(bytes);
    text.push_back(next.c);
    bytes.remove_prefix(next.length);
  }
  return text;
}

std::size_t bytes_of_characters(std::string_view bytes, std::size_t count) {
  std::size_t place = 0;
  for (; count > 0 && place < bytes.size(); --count)
    place += decode_or_replace(bytes.substr(place)).length;
  return place;
}

void append_utf8(std::u32string_view text, std::string& out) {
  for (const char32_t c : text) {
    const auto tail = [c](int shift) { return static_cast<char>(0x80 | (c >> shift & 0x3F)); };
    if (c < 0x80) {
      out.push_back(static_cast<char>(c));
    } else if (c < 0x800) {
      out.append({static_cast<char>(0xC0 | c >> 6), tail(0)});
    } else if (c < 0x10000) {
      out.append({static_cast<char>(0xE0 | c >> 12), tail(6), tail(0)});
    } else {
      out.append({static_cast<char>(0xF0 | c >> 18), tail(12), tail(6), tail(0)});
    }
  }
}

}  // namespace stemma::unicode
