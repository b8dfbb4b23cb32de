// The tables behind fix_text(): HTML entities, charsets, categories of mojibake, canonical
// decompositions and compositions. Private to text/.
//
//   standard_width(U'Ａ');                                     // U"A"
//   mojibake_character(U'Ã').byte[kLatin1];                    // 0xC3
//
// The program tables/generate_cleaning_tables.cc writes them when Stemma is built: properties of
// characters come from ICU, the rest from the text files beside it, which are ftfy's. They are
// two-stage tables: the high bits of a character choose a row of 256 entries, and equal rows are
// stored once.
//
// Constant data: any thread, no errors. Everywhere `c` is a code point, at most 0x10FFFF.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace stemma::cleaning {

// ---- HTML ----

struct HtmlEntity {
  const char* name;  // without & and ;
  char32_t text[4];  // up to three characters, and a zero
};
std::span<const HtmlEntity> html_entities();  // sorted by name

// ---- Mojibake ----

// The charsets as which UTF-8 may have been read, in the order in which they are tried.
inline constexpr int kCharsets = 10;
inline constexpr int kLatin1 = 0, kMacRoman = 8;
inline constexpr std::uint16_t kAllCharsets = (1 << kCharsets) - 1;
// The sloppy charsets, windows-125*: a byte that has no character in them stands for U+0080 to
// U+00FF, and byte 1A for U+FFFD.
inline constexpr std::uint16_t kSloppyCharsets = 0b0001111110;

// What a character may be in mojibake: ftfy's categories (badness.py) and clues (chardata.py).
enum Trait : std::uint32_t {
  kCommon = 1 << 0,
  kC1 = 1 << 1,
  kBad = 1 << 2,
  kLaw = 1 << 3,
  kCurrency = 1 << 4,
  kStartPunctuation = 1 << 5,
  kEndPunctuation = 1 << 6,
  kNumeric = 1 << 7,
  kKaomoji = 1 << 8,
  kUpperAccented = 1 << 9,
  kLowerAccented = 1 << 10,
  kUpperCommon = 1 << 11,
  kLowerCommon = 1 << 12,
  kBox = 1 << 13,
  kFirstOf2 = 1 << 14,
  kFirstOf3 = 1 << 15,
  kFirstOf4 = 1 << 16,
  kContinuation = 1 << 17,
  kContinuationStrict = 1 << 18,
};

struct MojibakeCharacter {
  std::uint32_t traits;          // of enum Trait
  std::uint16_t charsets;        // bit i: charset i has the character
  std::uint8_t byte[kCharsets];  // its byte there
};

// ---- Normalization ----

struct NormalForm {
  std::uint8_t combining_class;
  bool stays;  // combining class 0, and never changed by NFC whatever is around
  std::uint8_t decomposition_length;  // 0: none; full canonical decomposition, Hangul left out
  std::uint16_t decomposition;        // its place in kDecompositions
};

struct Composition {
  char32_t first, second, composite;
};
std::span<const Composition> compositions();  // sorted by first, then second

namespace cleaning_tables {
extern const std::uint8_t kMojibakeBlockOf[0x110000 / 256];
extern const std::uint16_t kMojibakeBlocks[][256];
extern const MojibakeCharacter kMojibakeCharacters[];
extern const std::uint8_t kNormalBlockOf[0x110000 / 256];
extern const std::uint16_t kNormalBlocks[][256];
extern const NormalForm kNormalForms[];
extern const char32_t kDecompositions[];
}  // namespace cleaning_tables

inline const MojibakeCharacter& mojibake_character(char32_t c) {
  using namespace cleaning_tables;
  return kMojibakeCharacters[kMojibakeBlocks[kMojibakeBlockOf[c >> 8]][c & 255]];
}

inline const NormalForm& normal_form(char32_t c) {
  using namespace cleaning_tables;
  return kNormalForms[kNormalBlocks[kNormalBlockOf[c >> 8]][c & 255]];
}

inline std::u32string_view decomposition(const NormalForm& form) {
  return {cleaning_tables::kDecompositions + form.decomposition, form.decomposition_length};
}

// ---- Single characters ----

// What replaces a full or half width form, empty for other characters: the NFKC forms of U+FF01 to
// U+FFEF, and a space for U+3000.
std::u32string_view standard_width(char32_t c);

bool is_decimal_digit(char32_t c);  // \p{Nd}

}  // namespace stemma::cleaning
