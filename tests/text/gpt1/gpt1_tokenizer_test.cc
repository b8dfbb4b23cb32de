#include "text/gpt1/gpt1_tokenizer.h"

#include <algorithm>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base/json.h"
#include "tests/base/expect_error.h"
#include "tests/text/support.h"
#include "text/files/published.h"
#include "text/gpt1/gpt1_text.h"

namespace stemma::gpt1 {
namespace {

using test::encode;
using test::Ids;

const Tokenizer& gpt1(const std::string& name) {
  static std::map<std::string, std::shared_ptr<const Tokenizer>> opened;
  auto& tokenizer = opened[name];
  if (!tokenizer) tokenizer = tokenizer_files::published_gpt1(name);
  return *tokenizer;
}

// Made by transformers with ftfy and spaCy (fixtures/make_gpt1_fixtures.py).
TEST(Gpt1Tokenizer, EqualsTransformers) {
  const Json cases = Json::parse(test::fixture("gpt1_ids.json"), "gpt1_ids.json");
  ASSERT_GE(cases.as_array().size(), 200u);
  for (const Json& item : cases.as_array()) {
    const std::string& text = item.at("text").as_string();
    std::map<std::string, Ids> expected;
    for (const char* name : {"openai-gpt", "gpt1"}) {
      for (const Json& id : item.at(name).as_array())
        expected[name].push_back(static_cast<std::int32_t>(id.as_int()));
      EXPECT_EQ(encode(gpt1(name), text), expected[name]) << name << ": " << text;
    }
    EXPECT_EQ(gpt1("gpt1").decode(expected["gpt1"]), item.at("decoded").as_string());
  }
}

TEST(Gpt1Tokenizer, PublishedOne) {
  const Tokenizer& tokenizer = gpt1("openai-gpt");
  EXPECT_EQ(tokenizer.vocab_size(), 40478);
  EXPECT_EQ(tokenizer.end_of_text(), std::nullopt);
  EXPECT_EQ(tokenizer.special_tokens(),
            (std::vector<std::pair<std::string, std::int32_t>>{{"<unk>", 0}}));
  EXPECT_EQ(tokenizer.bytes_of(481), "the ");
  EXPECT_EQ(tokenizer.bytes_of(477), "th");
  EXPECT_EQ(tokenizer.bytes_of(40477), "\n ");
  EXPECT_ERROR(tokenizer.bytes_of(40478), ErrorCode::invalid_argument, "out of range");
  EXPECT_ERROR(tokenizer.bytes_of(-1), ErrorCode::invalid_argument, "out of range");
  EXPECT_EQ(tokenizer_files::published_gpt1("gpt2"), nullptr);
  for (const char* name : {"openai-gpt", "gpt1"}) {
    EXPECT_EQ(std::ranges::count(tokenizer_files::published_names(), name), 1);
    EXPECT_EQ(open_tokenizer(name)->vocab_size(), 40478);
  }
}

TEST(Gpt1Tokenizer, Standardises) {
  EXPECT_EQ(standardise_gpt1("(so—what…)\r\n\n  ok"), "( so - what... ) \n ok");
  EXPECT_EQ(standardise_gpt1("--—a´b"), "--- a'b");
  EXPECT_EQ(standardise_gpt1("- - !!?"), "- - !! ?");
  EXPECT_EQ(standardise_gpt1(" \n\t\u00a0 "), "");
  EXPECT_EQ(standardise_gpt1("\u2003a \n b\u3000c\x1c"), "a \n b c");
  EXPECT_EQ(standardise_gpt1("…"), "...");
}

TEST(Gpt1Tokenizer, DecodesWithoutTheLastSpace) {
  const Tokenizer& tokenizer = gpt1("openai-gpt");
  EXPECT_EQ(tokenizer.decode(encode(tokenizer, "It's  FINE.\n\nYes")), "it 's fine . \n yes");
  std::string text = "so: ";
  tokenizer.decode({}, text);
  EXPECT_EQ(text, "so: ");
  tokenizer.decode(encode(tokenizer, "ok"), text);
  EXPECT_EQ(text, "so: ok");
}

// A word has the same ids wherever it stands, also when it is one of many that its place in the
// cache had before.
TEST(Gpt1Tokenizer, RemembersWords) {
  const Tokenizer& tokenizer = gpt1("gpt1");
  std::string text;
  Ids expected;
  for (int i = 0; i < 30000; ++i) {
    const std::string word =
        "w" + std::to_string(i % 9000) + (i % 3 == 0 ? "antidisestablish" : "x:D");
    text += word + " ";
    static std::map<std::string, Ids> known;
    Ids& ids = known[word];
    if (ids.empty()) ids = encode(tokenizer, word);
    expected.insert(expected.end(), ids.begin(), ids.end());
  }
  EXPECT_EQ(encode(tokenizer, text), expected);
}

TEST(Gpt1Tokenizer, AnyBytes) {
  std::mt19937 random(8);
  for (int round = 0; round < 300; ++round) {
    const std::string text = test::random_bytes(random, random() % 300);
    for (const std::int32_t id : encode(gpt1("openai-gpt"), text)) {
      ASSERT_GE(id, 0);
      ASSERT_LT(id, 40478);
    }
  }
}

TEST(Gpt1Tokenizer, LongRunsTakeNoTime) {
  for (const char* part : {"a", "(", ".", "http://", " ", "\n", "x:D", "é", "\xFF"}) {
    std::string text;
    while (text.size() < 200000) text += part;
    EXPECT_EQ(encode(gpt1("openai-gpt"), text).empty(), part[0] <= ' ' && part[0] > 0) << part;
  }
}

}  // namespace
}  // namespace stemma::gpt1
