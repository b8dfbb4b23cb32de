// What BERT's cleaning of text asks of a character, as Hugging Face `tokenizers` answers it.
//
// The table is made at build time from ICU (tables/generate_wordpiece_tables.cc), with the general
// categories of Unicode 8.0, which are those of `tokenizers`: what came later is neither
// punctuation nor an accent nor a control character there.
//
//   has(U'.', kPunctuation);        // true
//   has(U'\u0301', kAccent);        // true: the combining acute accent
//
// Constant data: any thread, no errors. c: a code point, ≤ 0x10FFFF.
#pragma once

#include <cstdint>

namespace stemma::wordpiece {

enum Property : std::uint8_t {
  kRemoved = 1,        // clean_text drops it: Cc but for tab and line ends, Cf, Co, U+FFFD
  kWhiteSpace = 2,     // property White_Space
  kPunctuation = 4,    // \p{P}, and all of ASCII that is visible and no letter or number
  kAccent = 8,         // \p{Mn}: strip_accents drops it
  kNotNormalized = 16  // later than Unicode 9.0: stays as it is in normal forms, as a starter
};

namespace character_tables {
extern const std::uint8_t kBlockOf[0x110000 / 256];
extern const std::uint8_t kBlocks[][256];
}  // namespace character_tables

inline bool has(char32_t c, Property property) {
  using namespace character_tables;
  return (kBlocks[kBlockOf[c >> 8]][c & 255] & property) != 0;
}

// Characters that handle_chinese_chars makes words of their own: the blocks of ideographs that
// BERT's code names. Its gap from U+2B820 to U+2B91F is kept.
inline bool is_chinese(char32_t c) {
  return (c >= 0x4E00 && c <= 0x9FFF) || (c >= 0x3400 && c <= 0x4DBF) ||
         (c >= 0xF900 && c <= 0xFAFF) || (c >= 0x20000 && c <= 0x2A6DF) ||
         (c >= 0x2A700 && c <= 0x2B81F) || (c >= 0x2B920 && c <= 0x2CEAF) ||
         (c >= 0x2F800 && c <= 0x2FA1F);
}

}  // namespace stemma::wordpiece
