#include "text/report/visible_text.h"

#include <random>

#include <gtest/gtest.h>

#include "tests/text/support.h"
#include "text/unicode/unicode.h"
#include "text/unicode/utf8.h"

namespace stemma::report {
namespace {

TEST(VisibleText, SignsForWhatCannotBeSeen) {
  EXPECT_EQ(visible_text("Grüße, 世界 🦙"), "Grüße,·世界·🦙");
  EXPECT_EQ(visible_text("a\tb\r\n"), "a⇥b␍↵");
  EXPECT_EQ(visible_text(std::string("\0\x1b[31m\x7f", 7)), "‹U+0000›‹U+001B›[31m‹U+007F›");
  EXPECT_EQ(visible_text("\u0085\u00a0\u200b\u2028"), "‹U+0085›‹U+00A0›‹U+200B›‹U+2028›");
  EXPECT_EQ(visible_text("a\u202eb\u2066\u061c\ufeff"), "a‹U+202E›b‹U+2066›‹U+061C›‹U+FEFF›");
  EXPECT_EQ(visible_text("\U000e0041\ue000\ufffe\U0010ffff"),
            "‹U+E0041›‹U+E000›‹U+FFFE›‹U+10FFFF›");
  EXPECT_EQ(visible_text(""), "");
}

TEST(VisibleText, BytesThatAreNoWholeCharacter) {
  EXPECT_EQ(visible_text("\xe2\x80"), "‹e2 80›");
  EXPECT_EQ(visible_text("x\xf0\x9f\xa6y\xc0\xaf"), "x‹f0 9f a6›y‹c0 af›");
  EXPECT_EQ(visible_text("\xed\xa0\x80"), "‹ed a0 80›");  // a surrogate
}

TEST(VisibleText, AMarkNeedsSomethingToSitOn) {
  EXPECT_EQ(visible_text("e\u0301"), "e\u0301");
  EXPECT_EQ(visible_text("\u0301x"), "◌\u0301x");
  EXPECT_EQ(visible_text(" \u0301"), "·◌\u0301");
}

TEST(VisibleText, PartsSayWhatStandsForSomething) {
  const std::vector<VisiblePart> parts = visible_parts("ab \n\nc");
  ASSERT_EQ(parts.size(), 4u);
  EXPECT_EQ(parts[0].text, "ab");
  EXPECT_FALSE(parts[0].stands_for);
  EXPECT_EQ(parts[1].text, "·↵");
  EXPECT_TRUE(parts[1].stands_for && parts[1].ends_line);
  EXPECT_EQ(parts[2].text, "↵");
  EXPECT_TRUE(parts[2].ends_line);
  EXPECT_EQ(parts[3].text, "c");
  EXPECT_FALSE(parts[3].stands_for || parts[3].ends_line);
}

TEST(VisibleText, LongOnesEndWithACount) {
  EXPECT_EQ(visible_text(std::string(100, 'a'), 3), "aaa‹+97 bytes›");
  EXPECT_EQ(visible_text("aaa", 3), "aaa");
  EXPECT_EQ(visible_text(std::string(100, '\xff'), 2), "‹ff ff›‹+98 bytes›");
  EXPECT_EQ(hex_of("abc", 2), "61 62 …");
}

// Any bytes: valid UTF-8 comes out, without a control, a format character or white space.
TEST(VisibleText, NothingThatActsComesThrough) {
  std::mt19937 random(5);
  std::string everything;
  for (char32_t c = 0; c < 0x110000; c += static_cast<char32_t>(1 + random() % 7)) {
    if (c >= 0x800 && c < 0x10000)
      everything += {static_cast<char>(0xE0 | c >> 12), static_cast<char>(0x80 | (c >> 6 & 63)),
                     static_cast<char>(0x80 | (c & 63))};
    else if (c >= 0x10000)
      everything += {static_cast<char>(0xF0 | c >> 18), static_cast<char>(0x80 | (c >> 12 & 63)),
                     static_cast<char>(0x80 | (c >> 6 & 63)), static_cast<char>(0x80 | (c & 63))};
  }
  for (const std::string& bytes : {test::random_bytes(random, 200'000), everything}) {
    const std::string text = visible_text(bytes);
    for (std::size_t at = 0; at < text.size();) {
      char32_t c = 0;
      const std::size_t length = unicode::decode_utf8(std::string_view(text).substr(at), c);
      ASSERT_GT(length, 0u) << at;
      ASSERT_TRUE(c >= 0x20 && (c < 0x7F || c > 0x9F) && c != 0xAD)
          << std::hex << static_cast<unsigned>(c);
      ASSERT_FALSE((c >= 0x200B && c <= 0x200F) || (c >= 0x2028 && c <= 0x202E) ||
                   (c >= 0x2060 && c <= 0x206F) || c == 0x61C || c == 0xFEFF || c == 0xFFA0 ||
                   (c >= 0xE000 && c < 0xF900) || c >= 0xE0000)
          << std::hex << static_cast<unsigned>(c);
      ASSERT_TRUE(c == ' ' || unicode::char_class(c) != unicode::CharClass::space);
      at += length;
    }
  }
}

}  // namespace
}  // namespace stemma::report
