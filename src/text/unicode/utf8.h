// Decodes, encodes and validates UTF-8, strictly (Unicode 15, table 3-7): no overlong forms, no
// surrogates, nothing above U+10FFFF.
//
//   char32_t c;
//   decode_utf8("é", c);   // 2, c = U'é'
//   to_utf8(U'é');         // "é"
//
// Pure functions: any thread, no errors.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace stemma::unicode {

// The length of the character at the start of `bytes`, 0 where there is no valid one.
inline std::size_t decode_utf8(std::string_view bytes, char32_t& c) {
  const auto at = [&](std::size_t i) { return static_cast<unsigned char>(bytes[i]); };
  const auto continues = [&](std::size_t i) { return (at(i) & 0xC0) == 0x80; };
  if (bytes.empty()) return 0;
  const char32_t first = at(0);
  if (first < 0x80) {
    c = first;
    return 1;
  }
  if (first < 0xC2 || first > 0xF4 || bytes.size() < 2 || !continues(1)) return 0;
  if (first < 0xE0) {
    c = (first & 0x1F) << 6 | (at(1) & 0x3Fu);
    return 2;
  }
  if (bytes.size() < 3 || !continues(2)) return 0;
  if (first < 0xF0) {
    c = (first & 0x0F) << 12 | (at(1) & 0x3Fu) << 6 | (at(2) & 0x3Fu);
    return c < 0x800 || (c >= 0xD800 && c < 0xE000) ? 0 : 3;
  }
  if (bytes.size() < 4 || !continues(3)) return 0;
  c = (first & 0x07) << 18 | (at(1) & 0x3Fu) << 12 | (at(2) & 0x3Fu) << 6 | (at(3) & 0x3Fu);
  return c < 0x10000 || c > 0x10FFFF ? 0 : 4;
}

inline bool is_valid_utf8(std::string_view bytes) {
  char32_t c = 0;
  while (!bytes.empty()) {
    const std::size_t length = decode_utf8(bytes, c);
    if (length == 0) return false;
    bytes.remove_prefix(length);
  }
  return true;
}

// A code point that is no surrogate.
inline bool is_scalar_value(std::uint32_t value) {
  return value <= 0x10FFFF && (value < 0xD800 || value >= 0xE000);
}

// c: a scalar value.
inline std::string to_utf8(char32_t c) {
  const auto continuation = [&](int shift) {
    return static_cast<char>(0x80 | (c >> shift & 0x3F));
  };
  if (c < 0x80) return {static_cast<char>(c)};
  if (c < 0x800) return {static_cast<char>(0xC0 | c >> 6), continuation(0)};
  if (c < 0x10000) return {static_cast<char>(0xE0 | c >> 12), continuation(6), continuation(0)};
  return {static_cast<char>(0xF0 | c >> 18), continuation(12), continuation(6), continuation(0)};
}

// How many bytes at the end (0 to 3) begin a character that more bytes could complete.
inline std::size_t incomplete_utf8_tail(std::string_view bytes) {
  for (std::size_t length = 1; length <= 3 && length <= bytes.size(); ++length) {
    const std::string_view tail = bytes.substr(bytes.size() - length);
    const auto first = static_cast<unsigned char>(tail[0]);
    if ((first & 0xC0) == 0x80) continue;
    if (first < 0xC2 || first > 0xF4) return 0;
    const std::size_t whole = first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
    if (length >= whole) return 0;
    if (length == 1) return 1;
    const auto second = static_cast<unsigned char>(tail[1]);
    const bool possible = (first != 0xE0 || second >= 0xA0) && (first != 0xED || second < 0xA0) &&
                          (first != 0xF0 || second >= 0x90) && (first != 0xF4 || second < 0x90);
    return possible ? length : 0;
  }
  return 0;
}

}  // namespace stemma::unicode
