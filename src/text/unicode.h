// Classes of Unicode characters as OpenAI's split patterns use them: \p{L}, \p{N} and \s.
//
// The tables are generated at build time from ICU (tables/generate_unicode_tables.cc): two stages,
// one byte per character in blocks of 256 that are shared where they are equal. \s is the property
// White_Space, as in the Rust regular expressions of tiktoken.
//
//   char_class(U'é');   // CharClass::letter
//
// Pure functions on constant data: any thread, no errors.
#pragma once

#include <cstdint>

namespace stemma {

enum class CharClass : std::uint8_t {
  other = 0,
  letter = 1,  // \p{L}: Lu, Ll, Lt, Lm, Lo
  number = 2,  // \p{N}: Nd, Nl, No
  space = 3,   // White_Space
};

namespace unicode_tables {
extern const std::uint8_t kBlockOf[0x110000 / 256];
extern const std::uint8_t kBlocks[][256];
extern const char kUnicodeVersion[];  // of the ICU that made the tables, "15.0"
}  // namespace unicode_tables

// c: a code point, ≤ 0x10FFFF.
inline CharClass char_class(char32_t c) {
  return static_cast<CharClass>(unicode_tables::kBlocks[unicode_tables::kBlockOf[c >> 8]][c & 255]);
}

}  // namespace stemma
