#include "text/unicode/unicode.h"

#include <array>
#include <string_view>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace stemma::unicode {
namespace {

std::vector<char32_t> all_of(CharClass kind) {
  std::vector<char32_t> found;
  for (char32_t c = 0; c < 0x110000; ++c)
    if (char_class(c) == kind) found.push_back(c);
  return found;
}

// PropList.txt of the Unicode database, White_Space; unchanged since Unicode 6.3.
TEST(Unicode, WhiteSpaceIsThePropertyOfThatName) {
  const std::vector<char32_t> expected = {0x09,   0x0A,   0x0B,   0x0C,   0x0D,   0x20,   0x85,
                                          0xA0,   0x1680, 0x2000, 0x2001, 0x2002, 0x2003, 0x2004,
                                          0x2005, 0x2006, 0x2007, 0x2008, 0x2009, 0x200A, 0x2028,
                                          0x2029, 0x202F, 0x205F, 0x3000};
  EXPECT_EQ(all_of(CharClass::space), expected);
}

// DerivedGeneralCategory.txt of Unicode 15.0: Lu 1831 + Ll 2233 + Lt 31 + Lm 397 + Lo 131612 and
// Nd 680 + Nl 236 + No 915; Mn 1985 + Mc 452 + Me 13. Later versions only add.
TEST(Unicode, AsManyLettersAndNumbersAsTheStandardLists) {
  const std::string_view version = unicode_tables::kUnicodeVersion;
  const std::pair<CharClass, std::size_t> expected[] = {{CharClass::upper, 1831 + 31},
                                                        {CharClass::lower, 2233},
                                                        {CharClass::letter, 397 + 131612},
                                                        {CharClass::mark, 1985 + 452 + 13},
                                                        {CharClass::number, 1831}};
  for (const auto& [kind, count] : expected) {
    const std::size_t found = all_of(kind).size();
    if (version == "15.0")
      EXPECT_EQ(found, count) << static_cast<int>(kind);
    else
      EXPECT_GE(found, count) << static_cast<int>(kind) << " in Unicode " << version;
  }
}

TEST(Unicode, ClassesOfSingleCharacters) {
  for (const char32_t c : {U'Z', U'É', U'ǅ', U'Ж', U'𝒳', char32_t{0x1E900}})
    EXPECT_EQ(char_class(c), CharClass::upper) << std::hex << static_cast<unsigned>(c);
  for (const char32_t c : {U'a', U'é', U'ß', U'ſ', U'я', char32_t{0x1E922}})
    EXPECT_EQ(char_class(c), CharClass::lower) << std::hex << static_cast<unsigned>(c);
  for (const char32_t c : {U'ʰ', U'ª', U'中', U'か', U'한', U'ا', U'क', U'𠀀', char32_t{0x2CEB0}})
    EXPECT_EQ(char_class(c), CharClass::letter) << std::hex << static_cast<unsigned>(c);
  for (const char32_t c : {char32_t{0x301}, char32_t{0x93E}, char32_t{0x20DD}, char32_t{0xFE0F}})
    EXPECT_EQ(char_class(c), CharClass::mark) << std::hex << static_cast<unsigned>(c);
  for (const char32_t c : {U'0', U'9', U'²', U'½', U'Ⅷ', U'٣', char32_t{0x3007}, U'①', U'𝟘'})
    EXPECT_EQ(char_class(c), CharClass::number) << std::hex << static_cast<unsigned>(c);
  for (const char32_t c : {U'!', U'_', U'\'', U'€', U'🦙', U'\0', char32_t{0x7F}, char32_t{0x200B},
                           char32_t{0x200D}, char32_t{0xFEFF}, char32_t{0xFFFD}, char32_t{0xE000},
                           char32_t{0xD800}, char32_t{0xFFFF}, char32_t{0x10FFFF}})
    EXPECT_EQ(char_class(c), CharClass::other) << std::hex << static_cast<unsigned>(c);
}

}  // namespace
}  // namespace stemma::unicode
