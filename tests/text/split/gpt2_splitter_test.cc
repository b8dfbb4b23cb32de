#include <random>
#include <regex>
#include <string>

#include <gtest/gtest.h>

#include "tests/text/support.h"
#include "text/split/splitter.h"

namespace stemma::split {
namespace {

using Pieces = std::vector<std::string>;

Pieces split(std::string_view text) { return test::pieces(gpt2_splitter(), text); }

TEST(Gpt2Splitter, WordsNumbersAndSigns) {
  EXPECT_EQ(split(""), Pieces());
  EXPECT_EQ(split("Hello world"), (Pieces{"Hello", " world"}));
  EXPECT_EQ(split("abc123!? x"), (Pieces{"abc", "123", "!?", " x"}));
  EXPECT_EQ(split(" 42 $$"), (Pieces{" 42", " $$"}));
  EXPECT_EQ(split("naïve 日本語 ½ Ⅷ🦙"), (Pieces{"naïve", " 日本語", " ½", " Ⅷ", "🦙"}));
}

TEST(Gpt2Splitter, Contractions) {
  EXPECT_EQ(split("I'm he's we'll they've you'd isn't we're"),
            (Pieces{"I", "'m", " he", "'s", " we", "'ll", " they", "'ve", " you", "'d", " isn",
                    "'t", " we", "'re"}));
  EXPECT_EQ(split("'S 's 'same'"), (Pieces{"'", "S", " '", "s", " '", "same", "'"}));
  EXPECT_EQ(split("'r 'l 'v"), (Pieces{"'", "r", " '", "l", " '", "v"}));
  EXPECT_EQ(split("'re"), (Pieces{"'re"}));
  EXPECT_EQ(split("'rest"), (Pieces{"'re", "st"}));
  EXPECT_EQ(split("!'s"), (Pieces{"!'", "s"}));
  EXPECT_EQ(split("’s"), (Pieces{"’", "s"}));
}

TEST(Gpt2Splitter, WhiteSpaceLeavesItsLastCharacterToWhatFollows) {
  EXPECT_EQ(split("a  b"), (Pieces{"a", " ", " b"}));
  EXPECT_EQ(split("a\n\nb"), (Pieces{"a", "\n", "\n", "b"}));
  EXPECT_EQ(split("a \nb"), (Pieces{"a", " ", "\n", "b"}));
  EXPECT_EQ(split("a   "), (Pieces{"a", "   "}));
  EXPECT_EQ(split("\t\ta"), (Pieces{"\t", "\t", "a"}));
  EXPECT_EQ(split("a\u00A0\u00A0b"), (Pieces{"a", "\u00A0", "\u00A0", "b"}));
  EXPECT_EQ(split("a\u3000 b"), (Pieces{"a", "\u3000", " b"}));
  EXPECT_EQ(split("a\u00A0b"), (Pieces{"a", "\u00A0", "b"}));
}

TEST(Gpt2Splitter, AnInvalidByteIsAPiece) {
  EXPECT_EQ(split("a\xFF\xFE"
                  "b"),
            (Pieces{"a", "\xFF", "\xFE", "b"}));
  EXPECT_EQ(split("a  \x80"), (Pieces{"a", " ", " ", "\x80"}));
  EXPECT_EQ(split("!\xE4\xBD!"), (Pieces{"!", "\xE4", "\xBD", "!"}));
  EXPECT_EQ(split("é\xC3"), (Pieces{"é", "\xC3"}));
  EXPECT_EQ(split("\xED\xA0\x80"), (Pieces{"\xED", "\xA0", "\x80"}));
}

// The pattern itself, run by the standard library, which knows ASCII only.
TEST(Gpt2Splitter, EqualsThePatternOnAsciiText) {
  const std::regex pattern(
      "'s|'t|'re|'ve|'m|'ll|'d| ?[A-Za-z]+| ?[0-9]+| ?[^\\sA-Za-z0-9]+|\\s+(?!\\S)|\\s+");
  std::mt19937 random(3);
  const std::vector<std::string> parts = {" ", " ", "\n", "\t", "'", "s",  "t",  "r", "e", "v",
                                          "m", "l", "d",  "S",  "1", "23", "!?", ".", "'", "\r"};
  for (int round = 0; round < 3000; ++round) {
    const std::string text = test::random_text(random, parts, 24);
    const Pieces expected(std::sregex_token_iterator(text.begin(), text.end(), pattern),
                          std::sregex_token_iterator());
    ASSERT_EQ(split(text), expected) << testing::PrintToString(text);
  }
}

TEST(Gpt2Splitter, PiecesJoinToTheTextForAnyBytesAndAnyBatch) {
  std::mt19937 random(4);
  for (int round = 0; round < 300; ++round) {
    const std::string text = test::random_bytes(random, random() % 200);
    const Pieces expected = test::pieces(gpt2_splitter(), text, 1000);
    std::string joined;
    for (const std::string& piece : expected) joined += piece;
    ASSERT_EQ(joined, text);
    ASSERT_EQ(test::pieces(gpt2_splitter(), text, 1), expected);
  }
}

TEST(Gpt2Splitter, OnlyTheUnstablePiecesChangeWhenTextGoesOn) {
  std::mt19937 random(5);
  const std::vector<std::string> parts = {" ", "'", "r", "e",  "l",   "s",
                                          "é", "1", ".", "\n", "\xFF"};
  for (int round = 0; round < 2000; ++round) {
    const std::string text = test::random_text(random, parts, 12);
    const Pieces before = split(text);
    const Pieces after = split(text + test::random_text(random, parts, 4));
    const std::size_t unstable = gpt2_splitter().unstable_pieces();
    for (std::size_t i = 0; i + unstable < before.size(); ++i)
      ASSERT_EQ(before[i], after[i]) << testing::PrintToString(text);
  }
}

}  // namespace
}  // namespace stemma::split
