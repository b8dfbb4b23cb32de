// Character classes of spaCy's English tokenizer (spacy/lang/char_classes.py, 3.8): its own lists
// of letters, quotes, icons, currencies and punctuation, which differ from Unicode's properties. A
// letter of a script without case counts both as lower case and as upper case. Private to text/.
//
//   english_class(U'e') & kEnglishLower;          // not 0
//   english_class(U'中') & kEnglishUpper;         // not 0
//
// A table gives the classes of ASCII; other characters are found by binary search in sorted ranges.
// Pure functions on constant data: any thread, no errors.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace stemma::split {

inline constexpr std::uint8_t kEnglishAlpha = 1;   // letters
inline constexpr std::uint8_t kEnglishLower = 2;   // of lower case or of none
inline constexpr std::uint8_t kEnglishUpper = 4;   // of upper case or of none
inline constexpr std::uint8_t kEnglishIcon = 8;    // symbols, emoji
inline constexpr std::uint8_t kEnglishPunct = 16;  // … , : ; ! ? ( ) and those of other scripts
inline constexpr std::uint8_t kEnglishQuote = 32;  // ' " “ ” « » 「 」
inline constexpr std::uint8_t kEnglishMoney = 64;  // currencies of one character
inline constexpr std::uint8_t kEnglishDecimal = 128;  // decimal digits of any script (Nd)

// What may stand behind a number in one token with it: "km", "m²", "%".
bool is_english_unit(std::string_view text);

namespace english_classes {
extern const std::array<std::uint8_t, 128> kAscii;
std::uint8_t above_ascii(char32_t c);
}  // namespace english_classes

// The bits of a character.
inline std::uint8_t english_class(char32_t c) {
  return c < 128 ? english_classes::kAscii[c] : english_classes::above_ascii(c);
}

}  // namespace stemma::split
