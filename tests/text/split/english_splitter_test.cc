#include "text/split/english_splitter.h"

#include <cctype>
#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base/json.h"
#include "tests/text/support.h"
#include "text/split/english_affixes.h"
#include "text/split/english_classes.h"
#include "text/split/english_exceptions.h"
#include "text/split/english_url.h"

namespace stemma::split {
namespace {

using Strings = std::vector<std::string>;

Strings english_tokens(std::string_view text) {
  std::vector<std::string_view> tokens;
  english_splitter().split(text, tokens);
  return {tokens.begin(), tokens.end()};
}

// Made by spaCy (fixtures/make_gpt1_fixtures.py); all its exceptions are among them.
TEST(EnglishSplitter, EqualsSpacy) {
  const Json cases = Json::parse(test::fixture("spacy_tokens.json"), "spacy_tokens.json");
  ASSERT_GE(cases.as_array().size(), 2000u);
  for (const Json& item : cases.as_array()) {
    const std::string& text = item.at("text").as_string();
    Strings expected;
    for (const Json& token : item.at("tokens").as_array()) expected.push_back(token.as_string());
    EXPECT_EQ(english_tokens(text), expected) << text;
  }
}

TEST(EnglishSplitter, HasSpacysExceptions) {
  EXPECT_EQ(english_exceptions().all().size(), 1347u);
  EXPECT_EQ(*english_exceptions().find("can't"), (EnglishCuts{2, 3}));
  EXPECT_EQ(*english_exceptions().find("can’t’ve"), (EnglishCuts{2, 5, 5}));
  EXPECT_EQ(english_exceptions().find("hell"), nullptr);
  EXPECT_EQ(english_exceptions().find(std::string(1000, 'a')), nullptr);
}

TEST(EnglishSplitter, ChunksAreWordsAndWhiteSpace) {
  const std::string text = " a  b\n c";
  Strings chunks;
  for (std::size_t place = 0; place < text.size();)
    chunks.emplace_back(EnglishSplitter::next_chunk(text, place));
  EXPECT_EQ(chunks, (Strings{" ", "a", " ", "b", "\n ", "c"}));
}

// ":o )" with a space is no exception, but longer than ":o" and in its way.
TEST(EnglishSplitter, NeighboursStandInTheWay) {
  EXPECT_EQ(english_tokens("foo:p"), (Strings{"foo", ":p"}));
  EXPECT_EQ(english_tokens("0:o ."), (Strings{"0", ":o", "."}));
  EXPECT_EQ(english_tokens("0:o )"), (Strings{"0", ":", "o", ")"}));
  std::vector<std::string_view> tokens;
  EXPECT_FALSE(english_splitter().split_chunk("foo:p", tokens));
  EXPECT_EQ(tokens.size(), 3u);
  EXPECT_TRUE(english_splitter().split_chunk("foo:q", tokens));
}

TEST(EnglishSplitter, Addresses) {
  for (const char* word : {"example.com", "a@b.de", "http://a.bc/", "223.255.255.254:80?"})
    EXPECT_TRUE(is_english_url(word)) << word;
  for (const char* word : {"", ".", "a.b", "http://", "10.0.0.1", "a@b", "End.Next", "\xFF.com"})
    EXPECT_FALSE(is_english_url(word)) << word;
}

// The tokens are the text without single spaces, whatever the bytes.
TEST(EnglishSplitter, LosesNothingButSpaces) {
  std::mt19937 random(5);
  const Strings parts = {"a",       "'s",       ".",   "..", ":", "D",   "(",    "é",
                         "\xC3",    "\xF0\x9F", "😀",  "-",  "5", "km",  "@",    "/",
                         "http://", "。",       "US$", "\n", " ", "Mr.", "can't"};
  for (int round = 0; round < 3000; ++round) {
    const std::string text = round % 2 == 0 ? test::random_text(random, parts, 12)
                                            : test::random_bytes(random, random() % 40);
    std::string joined, expected = text;
    for (const std::string& token : english_tokens(text)) {
      EXPECT_FALSE(token.empty());
      joined += token;
    }
    std::erase(joined, ' ');
    std::erase(expected, ' ');
    ASSERT_EQ(joined, expected);
  }
}

TEST(EnglishSplitter, LongRunsTakeNoTime) {
  for (const char* part : {"a",   "(",  ".",  "http://", "a@", "a.", "…",    "'s", "x:D",  ":",
                           "5km", "a-", "1.", " ",       "\n", "😀", "\xFF", ". ", "x:D ", "US$"}) {
    std::string text;
    while (text.size() < 100000) text += part;
    EXPECT_GT(english_tokens(text).size(), 0u) << part;
  }
}

}  // namespace
}  // namespace stemma::split
