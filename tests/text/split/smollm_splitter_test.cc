#include <random>
#include <string>

#include <gtest/gtest.h>

#include "base/json.h"
#include "tests/text/support.h"
#include "text/split/splitter.h"

namespace stemma::split {
namespace {

using SmollmPieces = std::vector<std::string>;

SmollmPieces smollm(std::string_view text) { return test::pieces(smollm_splitter(), text); }

TEST(SmollmSplitter, CutsNumbersOutFirst) {
  EXPECT_EQ(smollm("a 1"), (SmollmPieces{"a", " ", "1"}));
  EXPECT_EQ(smollm(" 12"), (SmollmPieces{" ", "1", "2"}));
  EXPECT_EQ(smollm("x1y"), (SmollmPieces{"x", "1", "y"}));
  EXPECT_EQ(smollm("a  1"), (SmollmPieces{"a", "  ", "1"}));  // one piece: its text ends here
  EXPECT_EQ(smollm("a  b"), (SmollmPieces{"a", " ", " b"}));
  EXPECT_EQ(smollm("\n\n1"), (SmollmPieces{"\n\n", "1"}));
  EXPECT_EQ(smollm("1  b "), (SmollmPieces{"1", " ", " b", " "}));
  EXPECT_EQ(smollm("½²Ⅷ٣"), (SmollmPieces{"½", "²", "Ⅷ", "٣"}));  // all of \p{N}
  EXPECT_EQ(smollm("a  \xFF"
                   "1"),
            (SmollmPieces{"a", " ", " ", "\xFF", "1"}));
}

// huggingface/tokenizers' own pieces (fixtures/make_smollm_fixtures.py).
TEST(SmollmSplitter, EqualsHuggingFacesSequence) {
  const Json golden = Json::parse(test::fixture("smollm/golden.json"), "golden.json");
  EXPECT_GT(golden.at("pieces").as_array().size(), 150u);
  for (const Json& row : golden.at("pieces").as_array()) {
    SmollmPieces expected;
    for (const Json& piece : row.as_array()[1].as_array()) expected.push_back(piece.as_string());
    EXPECT_EQ(smollm(row.as_array()[0].as_string()), expected) << row.dump();
  }
}

// The definition: GPT-2's splitter on what lies between numbers.
TEST(SmollmSplitter, IsGpt2sBetweenNumbersForAnyBytes) {
  std::mt19937 random(11);
  const SmollmPieces parts = {" ", " ",  "\n",     "\u00A0", "'",    "s", "re",
                              "1", "22", "\u00BD", "é",      "\xFF", "!", "\xC3"};
  const auto is_number = [](const std::string& piece) {
    return piece == "1" || piece == "2" || piece == "\u00BD";
  };
  for (int round = 0; round < 3000; ++round) {
    const std::string text = test::random_text(random, parts, 14);
    SmollmPieces expected;
    std::string between;
    const auto end_of_text = [&] {
      for (const std::string& piece : test::pieces(gpt2_splitter(), between))
        expected.push_back(piece);
      between.clear();
    };
    // Every number alone, to begin with: another splitter finds them.
    for (const std::string& piece : test::pieces(gpt2_splitter(NumberCut::single), text)) {
      if (!is_number(piece)) {
        between += piece;
        continue;
      }
      end_of_text();
      expected.push_back(piece);
    }
    end_of_text();
    ASSERT_EQ(smollm(text), expected) << testing::PrintToString(text);
    ASSERT_EQ(test::pieces(smollm_splitter(), text, 1), expected);
  }
}

TEST(SmollmSplitter, BoundariesPartTextsThatMayGoOn) {
  std::mt19937 random(12);
  const SmollmPieces parts = {" ", "  ", "\n", "'", "s", "a", "1", "2", "é", ".", "\xFF"};
  for (int round = 0; round < 3000; ++round) {
    const std::string text = test::random_text(random, parts, 9);
    const std::string whole = text + test::random_text(random, parts, 4);
    const std::size_t cut = smollm_splitter().last_boundary(text);
    SmollmPieces joined = smollm(whole.substr(0, cut));
    for (const std::string& piece : smollm(whole.substr(cut))) joined.push_back(piece);
    ASSERT_EQ(joined, smollm(whole)) << testing::PrintToString(whole) << " cut at " << cut;
  }
}

TEST(SmollmSplitter, IsFoundByItsPattern) {
  EXPECT_EQ(splitter_of_pattern(smollm_splitter().pattern()), &smollm_splitter());
}

}  // namespace
}  // namespace stemma::split
