#include "text/unicode/utf8.h"

#include <string>

#include <gtest/gtest.h>

namespace stemma::unicode {
namespace {

// The encoding by its definition (RFC 3629, section 3), without its restrictions.
std::string encoded(char32_t c, int length) {
  const auto tail = [&](int i) { return static_cast<char>(0x80 | (c >> (6 * i) & 0x3F)); };
  switch (length) {
    case 1:
      return {static_cast<char>(c)};
    case 2:
      return {static_cast<char>(0xC0 | c >> 6), tail(0)};
    case 3:
      return {static_cast<char>(0xE0 | c >> 12), tail(1), tail(0)};
    default:
      return {static_cast<char>(0xF0 | c >> 18), tail(2), tail(1), tail(0)};
  }
}

int shortest(char32_t c) { return c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4; }

TEST(Utf8, EveryCodePointInItsShortestFormOnly) {
  for (char32_t c = 0; c < 0x140000; ++c) {
    const bool exists = c < 0x110000 && (c < 0xD800 || c >= 0xE000);
    for (int length = shortest(c); length <= 4; ++length) {
      const std::string bytes = encoded(c, length);
      char32_t decoded = 0;
      const std::size_t got = decode_utf8(bytes + "x", decoded);
      const bool valid = exists && length == shortest(c);
      ASSERT_EQ(got, valid ? bytes.size() : 0u) << std::hex << static_cast<unsigned>(c);
      if (valid) {
        ASSERT_EQ(decoded, c);
      }
    }
  }
}

TEST(Utf8, CutOrStrayBytesAreNoCharacters) {
  char32_t c = 0;
  for (const char* bytes : {"", "\x80", "\xBF", "\xC3", "\xC3x", "\xE4\xBD", "\xE4\xBDx",
                            "\xF0\x9F\xA6", "\xC0\x80", "\xF5\x80\x80\x80", "\xFE", "\xFF"})
    EXPECT_EQ(decode_utf8(bytes, c), 0u) << bytes;
}

TEST(Utf8, TailThatMayStillBecomeACharacter) {
  const struct {
    const char* bytes;
    std::size_t tail;
  } cases[] = {{"", 0},          {"abc", 0},           {"\xC3", 1},         {"a\xE4", 1},
               {"a\xE4\xBD", 2}, {"a\xE4\xBD\xA0", 0}, {"\xF0\x9F\xA6", 3}, {"\xF0\x9F\xA6\x99", 0},
               {"\x80", 0},      {"\x80\x80\x80", 0},  {"\xC0", 0},         {"\xF5", 0},
               {"\xE0\x80", 0},  {"\xE0\xA0", 2},      {"\xED\xA0", 0},     {"\xED\x9F", 2},
               {"\xF0\x8F", 0},  {"\xF0\x90", 2},      {"\xF4\x90", 0},     {"\xF4\x8F\xBF", 3},
               {"\xE4\xC3", 1},  {"\xC3\xA9\xA9", 0}};
  for (const auto& [bytes, tail] : cases)
    EXPECT_EQ(incomplete_utf8_tail(bytes), tail) << testing::PrintToString(std::string(bytes));
}

}  // namespace
}  // namespace stemma::unicode
