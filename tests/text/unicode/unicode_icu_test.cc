// Our tables against ICU itself, every code point: what ICU's property functions say one by one.
#include <gtest/gtest.h>
#include <unicode/uchar.h>
#include <unicode/uversion.h>

#include "text/unicode/unicode.h"

namespace stemma::unicode {
namespace {

CharClass class_in_icu(UChar32 c) {
  if (u_hasBinaryProperty(c, UCHAR_WHITE_SPACE)) return CharClass::space;
  switch (u_charType(c)) {
    case U_UPPERCASE_LETTER:
    case U_TITLECASE_LETTER:
      return CharClass::upper;
    case U_LOWERCASE_LETTER:
      return CharClass::lower;
    case U_MODIFIER_LETTER:
    case U_OTHER_LETTER:
      return CharClass::letter;
    case U_NON_SPACING_MARK:
    case U_COMBINING_SPACING_MARK:
    case U_ENCLOSING_MARK:
      return CharClass::mark;
    case U_DECIMAL_DIGIT_NUMBER:
    case U_LETTER_NUMBER:
    case U_OTHER_NUMBER:
      return CharClass::number;
    default:
      return CharClass::other;
  }
}

TEST(UnicodeIcu, EveryCodePointHasTheClassThatIcuSays) {
  ASSERT_STREQ(unicode_tables::kUnicodeVersion, U_UNICODE_VERSION);
  int different = 0;
  for (UChar32 c = 0; c <= UCHAR_MAX_VALUE; ++c)
    if (char_class(static_cast<char32_t>(c)) != class_in_icu(c) && ++different < 10)
      ADD_FAILURE() << std::hex << c;
  EXPECT_EQ(different, 0);
}

}  // namespace
}  // namespace stemma::unicode
