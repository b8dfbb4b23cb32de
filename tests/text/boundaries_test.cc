// Where a text may be cut: for each splitter, at every place that it names.
#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/text/support.h"
#include "text/files/published.h"
#include "text/split/splitter.h"
#include "text/unicode/utf8.h"

namespace stemma {
namespace {

struct NamedSplitter {
  const char* name;
  const split::Splitter& splitter;
};

class Boundaries : public testing::TestWithParam<NamedSplitter> {
 protected:
  const split::Splitter& splitter() const { return GetParam().splitter; }

  // Both parts split apart are the whole, for what follows the text too.
  void expect_boundary(std::string_view text, std::size_t cut, std::string_view more) const {
    const std::string whole = std::string(text) + std::string(more);
    auto parts = test::pieces(splitter(), whole.substr(0, cut));
    for (std::string& piece : test::pieces(splitter(), whole.substr(cut)))
      parts.push_back(std::move(piece));
    ASSERT_EQ(parts, test::pieces(splitter(), whole))
        << testing::PrintToString(std::string(text)) << " cut at " << cut << " before "
        << testing::PrintToString(std::string(more));
  }
};

const std::vector<std::string>& parts_of_text() {
  static const std::vector<std::string> parts = {" ",
                                                 "  ",
                                                 "\n",
                                                 "\r",
                                                 "\r\n",
                                                 "\t",
                                                 "\xC2\xA0",
                                                 "\xE2\x80\xA8",
                                                 "'",
                                                 "s",
                                                 "ll",
                                                 "R",
                                                 "e",
                                                 "\xC5\xBF",
                                                 "1",
                                                 "234",
                                                 "!",
                                                 "/",
                                                 "\xC2",
                                                 "\xFF",
                                                 "\xE4\xB8",
                                                 "a",
                                                 "B",
                                                 "\xE6\x97\xA5",
                                                 std::string(1, 0),
                                                 "\x0B",
                                                 "CD",
                                                 "\xC7\x85" /* title */,
                                                 "\xCA\xB0" /* modifier */,
                                                 "\xCC\x81" /* mark */,
                                                 "\xE0\xA4\xBE" /* spacing mark */,
                                                 "\xF0\x9F\xA6\x99",
                                                 "\xEF\xBC\x8C" /* full-width comma */,
                                                 "\xC2\xB2" /* superscript */};
  return parts;
}

TEST_P(Boundaries, BothPartsSplitApartAreTheWhole) {
  std::mt19937 random(1);
  for (int round = 0; round < 30'000; ++round) {
    const std::string text =
        test::random_text(random, parts_of_text(), 1 + static_cast<int>(random() % 12));
    const std::size_t cut = splitter().last_boundary(text);
    ASSERT_LE(cut, text.size());
    if (cut > 0)
      expect_boundary(text, cut,
                      test::random_text(random, parts_of_text(), static_cast<int>(random() % 4)));
    if (HasFatalFailure()) return;
  }
}

// The rules that make boundaries common.
TEST_P(Boundaries, LieBetweenWordsNumbersAndSigns) {
  const auto last = [&](std::string_view text) { return splitter().last_boundary(text); };
  EXPECT_EQ(last("one two three"), 7u);
  EXPECT_EQ(last("one two \xE4"), 7u);
  EXPECT_EQ(last("word\n\n"), 4u);
  EXPECT_EQ(last("42\n"), 2u);
  EXPECT_EQ(last("x=1"), 2u);
  EXPECT_EQ(last("f(x)"), 3u);
  EXPECT_EQ(last("\xE4\xBD\xA0\xE5\xA5\xBD\xEF\xBC\x8C\xE5\xA5\xBD"), 6u);  // 你好，好
  EXPECT_EQ(last("base64"), 4u);
  EXPECT_EQ(last("64base"), 2u);
  EXPECT_EQ(last("wait! "), 5u);
}

TEST_P(Boundaries, AreNoneWhereMoreTextMayChangeThePieces) {
  for (const char* text : {"", "a", "word", " ", "    ", "\n\n", "!!", "'s", "\xE4\xBD"})
    EXPECT_EQ(splitter().last_boundary(text), 0u) << text;
}

// Without any of the rules, whole pieces that are certain are found.
TEST_P(Boundaries, LieBehindPiecesThatAreCertain) {
  std::string invalid(1000, '\xFF');
  EXPECT_GE(splitter().last_boundary(invalid), 990u);
  std::string apostrophes;
  for (int i = 0; i < 1000; ++i) apostrophes += "a'";
  const std::size_t cut = splitter().last_boundary(apostrophes);
  EXPECT_GE(cut, 1990u);
  expect_boundary(apostrophes, cut, "a'a'a");
}

TEST_P(Boundaries, OnlyTheUnstablePiecesChangeWhenTextGoesOn) {
  std::mt19937 random(2);
  for (int round = 0; round < 20'000; ++round) {
    std::string text = test::random_text(random, parts_of_text(), 10);
    text.resize(text.size() - unicode::incomplete_utf8_tail(text));
    const auto before = test::pieces(splitter(), text);
    const auto after =
        test::pieces(splitter(), text + test::random_text(random, parts_of_text(), 3));
    for (std::size_t i = 0; i + splitter().unstable_pieces() < before.size(); ++i)
      ASSERT_EQ(before[i], after[i]) << testing::PrintToString(text);
  }
}

// Where capitals go, pieces change: "HeL" is two in o200k until it is "hel".
TEST(BoundariesOfLowerCase, EncodeApartToTheIdsOfTheWhole) {
  std::mt19937 random(3);
  for (const split::Splitter* splitter :
       {&split::gpt2_splitter(), &split::cl100k_splitter(), &split::o200k_splitter()}) {
    bpe::BpeVocabulary vocabulary = tokenizer_files::published_tokenizer("gpt2")->vocabulary();
    vocabulary.lowercase = true;
    const auto tokenizer = bpe::make_bpe_tokenizer(std::move(vocabulary), *splitter);
    int found = 0;
    for (int round = 0; round < 5'000; ++round) {
      std::vector<std::string> parts = parts_of_text();
      parts.insert(parts.end(), {"HeL", "İ", "'S", "Σ", "\u212A", "word ", "ONE\n"});
      const std::string text = test::random_text(random, parts, 12);
      const std::size_t cut = tokenizer->last_boundary(text);
      const std::string whole = text + test::random_text(random, parts, 3);
      test::Ids apart = test::encode(*tokenizer, whole.substr(0, cut));
      for (const std::int32_t id : test::encode(*tokenizer, whole.substr(cut))) apart.push_back(id);
      ASSERT_EQ(apart, test::encode(*tokenizer, whole)) << testing::PrintToString(whole) << cut;
      found += cut > 0 ? 1 : 0;
    }
    EXPECT_GT(found, 1'000);
  }
}

INSTANTIATE_TEST_SUITE_P(
    Splitters, Boundaries,
    testing::Values(NamedSplitter{"gpt2", split::gpt2_splitter()},
                    NamedSplitter{"cl100k", split::cl100k_splitter()},
                    NamedSplitter{"o200k", split::o200k_splitter()},
                    NamedSplitter{"gpt2_single", split::gpt2_splitter(split::NumberCut::single)},
                    NamedSplitter{"gpt2_triple", split::gpt2_splitter(split::NumberCut::triple)},
                    NamedSplitter{"cl100k_single",
                                  split::cl100k_splitter(split::NumberCut::single)},
                    NamedSplitter{"o200k_single", split::o200k_splitter(split::NumberCut::single)}),
    [](const auto& one) { return std::string(one.param.name); });

}  // namespace
}  // namespace stemma
