#include "text/unicode/lowercase.h"

#include <gtest/gtest.h>

#include "text/unicode/unicode.h"

namespace stemma::unicode {
namespace {

// UnicodeData.txt of Unicode 15.0, field 13 (simple lower case), and SpecialCasing.txt for İ.
TEST(Lowercase, FollowsTheUnicodeDatabase) {
  EXPECT_EQ(lowercase("Hello, WORLD @[`{ 123"), "hello, world @[`{ 123");
  EXPECT_EQ(lowercase("ÀÉÎ ÿŸ Straße ẞ"), "àéî ÿÿ straße ß");
  EXPECT_EQ(lowercase("ΑΣ ΌΣΟΣ"), "ασ όσοσ");  // no rule for the last letter of a word
  EXPECT_EQ(lowercase("ЁЛКА Ⓐ Ⅻ ǅ Ǆ Ĳ"), "ёлка ⓐ ⅻ ǆ ǆ ĳ");
  EXPECT_EQ(lowercase("İI"), "i\u0307i");
  EXPECT_EQ(lowercase("\u212A\u212B\u2126"), "kåω");  // Kelvin, Ångström, Ohm: shorter
  EXPECT_EQ(lowercase("\u023A"), "\u2C65");           // longer
  EXPECT_EQ(lowercase("\U00010400\U0001E900\U000118A0"), "\U00010428\U0001E922\U000118C0");
  EXPECT_EQ(lowercase("日本語 한국어 🦙"), "日本語 한국어 🦙");
}

TEST(Lowercase, InvalidBytesStay) {
  EXPECT_EQ(lowercase("A\xFF"
                      "B\xC3(\xE2\x84"),
            "a\xFF"
            "b\xC3(\xE2\x84");
  EXPECT_EQ(lowercase(""), "");
}

// DerivedCoreProperties of Unicode 15.0: 1433 characters have another lower case.
TEST(Lowercase, AsManyCharactersAsTheStandardLists) {
  int changed = 0;
  for (char32_t c = 0; c < 0x110000; ++c) {
    const char32_t lower = lower_case(c);
    changed += lower != c;
    EXPECT_EQ(lower_case(lower), lower);
  }
  EXPECT_GE(changed, 1433);
}

}  // namespace
}  // namespace stemma::unicode
