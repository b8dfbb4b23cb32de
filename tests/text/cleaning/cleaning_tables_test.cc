#include "text/cleaning/cleaning_tables.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base/json.h"
#include "tests/text/support.h"

namespace stemma::cleaning {
namespace {

Json cleaning_fixture() {
  return Json::parse(test::fixture("fix_text_tables.json"), "fix_text_tables.json");
}

// How many characters `has` is true of.
template <class Predicate>
std::size_t count_characters(Predicate has) {
  std::size_t count = 0;
  for (char32_t c = 0; c < 0x110000; ++c) count += has(mojibake_character(c)) ? 1 : 0;
  return count;
}

// Every byte of every charset both ways, and no further character in any.
TEST(CleaningTables, Charsets) {
  const Json tables = cleaning_fixture();
  const Json::Object& charsets = tables.at("charsets").as_object();
  ASSERT_EQ(charsets.size(), static_cast<std::size_t>(kCharsets));
  for (std::size_t charset = 0; charset < charsets.size(); ++charset) {
    const auto& [name, characters] = charsets[charset];
    const auto has = [&](const MojibakeCharacter& entry) {
      return (entry.charsets >> charset & 1) != 0;
    };
    for (std::size_t byte = 0; byte < 256; ++byte) {
      const auto c = static_cast<char32_t>(characters.as_array()[byte].as_int());
      EXPECT_TRUE(has(mojibake_character(c))) << name << " " << byte;
      EXPECT_EQ(mojibake_character(c).byte[charset], byte) << name;
    }
    EXPECT_EQ(count_characters(has), 256u) << name;
    EXPECT_EQ((kSloppyCharsets >> charset & 1) != 0, name.starts_with("sloppy")) << name;
    EXPECT_EQ(name == "macroman", charset == kMacRoman);
  }
}

// Every character's membership of every category and clue.
TEST(CleaningTables, Classes) {
  const std::vector<std::string> order = {"common",
                                          "c1",
                                          "bad",
                                          "law",
                                          "currency",
                                          "start_punctuation",
                                          "end_punctuation",
                                          "numeric",
                                          "kaomoji",
                                          "upper_accented",
                                          "lower_accented",
                                          "upper_common",
                                          "lower_common",
                                          "box",
                                          "utf8_first_of_2",
                                          "utf8_first_of_3",
                                          "utf8_first_of_4",
                                          "utf8_continuation",
                                          "utf8_continuation_strict"};
  const Json tables = cleaning_fixture();
  const Json& classes = tables.at("classes");
  ASSERT_EQ(classes.as_object().size(), order.size());
  for (std::size_t trait = 0; trait < order.size(); ++trait) {
    const auto has = [&](const MojibakeCharacter& entry) {
      return (entry.traits >> trait & 1) != 0;
    };
    const Json::Array& members = classes.at(order[trait]).as_array();
    for (const Json& c : members)
      EXPECT_TRUE(has(mojibake_character(static_cast<char32_t>(c.as_int())))) << order[trait];
    EXPECT_EQ(count_characters(has), members.size()) << order[trait];
  }
  EXPECT_EQ(kContinuationStrict, 1u << 18);
  EXPECT_EQ(kBox, 1u << 13);
}

TEST(CleaningTables, EntitiesAreSorted) {
  const auto entities = html_entities();
  ASSERT_EQ(entities.size(), 3500u);
  for (std::size_t i = 1; i < entities.size(); ++i)
    EXPECT_LT(std::string_view(entities[i - 1].name), entities[i].name);
}

TEST(CleaningTables, Digits) {
  EXPECT_TRUE(is_decimal_digit('0') && is_decimal_digit('9') && is_decimal_digit(U'٣'));
  EXPECT_FALSE(is_decimal_digit('/') || is_decimal_digit(':') || is_decimal_digit(U'²'));
  EXPECT_TRUE(is_decimal_digit(0x1D7FF));  // the last of five runs of mathematical digits
  EXPECT_FALSE(is_decimal_digit(0x1D800));
}

}  // namespace
}  // namespace stemma::cleaning
