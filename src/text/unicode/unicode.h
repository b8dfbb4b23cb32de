// The class of a Unicode character as OpenAI's split patterns need it (\p{L} and its parts, \p{M},
// \p{N}, \s), and its lower case.
//
//   char_class(U'é');                              // CharClass::lower
//   kLetters.has(char_class(U'é'));                // true
//   lower_case(U'É');                              // U'é'
//
// The classes lie in a two-stage table: the high bits of a character choose a block of 256 bytes,
// and equal blocks are stored once. The program tables/generate_unicode_tables.cc writes it from
// ICU when Stemma is built. \s is the property White_Space, as in the Rust regular expressions that
// tiktoken uses.
//
// Pure functions on constant data: any thread, no errors.
#pragma once

#include <algorithm>
#include <cstdint>
#include <initializer_list>

namespace stemma::unicode {

enum class CharClass : std::uint8_t {
  other = 0,
  upper = 1,   // Lu, Lt
  lower = 2,   // Ll
  letter = 3,  // Lm, Lo: letters without case
  mark = 4,    // \p{M}: Mn, Mc, Me
  number = 5,  // \p{N}: Nd, Nl, No
  space = 6,   // White_Space
};

class ClassSet {
 public:
  constexpr ClassSet(std::initializer_list<CharClass> classes) {
    for (const CharClass one : classes) bits_ |= bit(one);
  }
  constexpr bool has(CharClass one) const { return (bits_ & bit(one)) != 0; }

 private:
  static constexpr unsigned bit(CharClass one) { return 1u << static_cast<unsigned>(one); }
  unsigned bits_ = 0;
};
inline constexpr ClassSet kLetters = {CharClass::upper, CharClass::lower, CharClass::letter};

namespace unicode_tables {
extern const std::uint8_t kBlockOf[0x110000 / 256];
extern const std::uint8_t kBlocks[][256];
struct LowerCase {
  char32_t from, to;
};
extern const LowerCase kLowerCases[];                            // ascending
extern const std::uint16_t kFirstLowerCase[0x110000 / 256 + 1];  // of each block
extern const char kUnicodeVersion[];  // of the ICU that made the tables, "15.0"
}  // namespace unicode_tables

// c: a code point, ≤ 0x10FFFF.
inline CharClass char_class(char32_t c) {
  return static_cast<CharClass>(unicode_tables::kBlocks[unicode_tables::kBlockOf[c >> 8]][c & 255]);
}

// Unicode's simple lower case, one character for each; most characters are their own.
inline char32_t lower_case(char32_t c) {
  using namespace unicode_tables;
  const LowerCase* end = kLowerCases + kFirstLowerCase[(c >> 8) + 1];
  const LowerCase* one =
      std::lower_bound(kLowerCases + kFirstLowerCase[c >> 8], end, c,
                       [](const LowerCase& entry, char32_t wanted) { return entry.from < wanted; });
  return one != end && one->from == c ? one->to : c;
}

}  // namespace stemma::unicode
