#include "text/files/published.h"

#include <algorithm>
#include <fstream>
#include <map>
#include <random>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "base/json.h"
#include "tests/base/temporary_folder.h"
#include "tests/text/support.h"

namespace stemma::tokenizer_files {
namespace {

using test::encode;
using test::Ids;
using test::ids_of;

const bpe::BpeTokenizer& published(const std::string& name) {
  static std::map<std::string, std::shared_ptr<const bpe::BpeTokenizer>> opened;
  auto& tokenizer = opened[name];
  if (!tokenizer) tokenizer = published_tokenizer(name);
  return *tokenizer;
}

const std::vector<std::string> kNames = {"r50k_base",   "p50k_base",  "p50k_edit",
                                         "cl100k_base", "o200k_base", "o200k_harmony"};

// openai/tiktoken, tiktoken_ext/openai_public.py.
TEST(Published, Sizes) {
  const std::map<std::string, std::pair<std::int32_t, std::int32_t>> expected = {
      {"gpt2", {50257, 50256}},           {"r50k_base", {50257, 50256}},
      {"p50k_base", {50281, 50256}},      {"p50k_edit", {50284, 50256}},
      {"cl100k_base", {100277, 100257}},  {"o200k_base", {200019, 199999}},
      {"o200k_harmony", {201088, 199999}}};
  for (const auto& [name, sizes] : expected) {
    EXPECT_EQ(published(name).vocab_size(), sizes.first) << name;
    EXPECT_EQ(published(name).end_of_text(), sizes.second) << name;
    EXPECT_EQ(std::ranges::count(published_names(), name), 1) << name;
  }
  EXPECT_EQ(published_tokenizer("cl100k"), nullptr);
}

TEST(Published, PublishedExamples) {
  EXPECT_EQ(encode(published("cl100k_base"), "hello world"), (Ids{15339, 1917}));
  EXPECT_EQ(encode(published("o200k_base"), "hello world"), (Ids{24912, 2375}));
  EXPECT_EQ(published("o200k_harmony").bytes_of(200006), "<|start|>");
}

// Made by tiktoken from texts of our own (fixtures/make_fixtures.py).
TEST(Published, EqualsTiktoken) {
  const Json cases = Json::parse(test::fixture("published_ids.json"), "published_ids.json");
  ASSERT_GE(cases.as_array().size(), 200u);
  for (const Json& item : cases.as_array()) {
    const std::string& text = item.at("text").as_string();
    for (const char* name : {"cl100k_base", "o200k_base"}) {
      EXPECT_EQ(encode(published(name), text), ids_of(item.at(name))) << name << ": " << text;
      EXPECT_EQ(published(name).decode(ids_of(item.at(name))), text);
    }
  }
}

// The samples of niieani/gpt-tokenizer; they may span lines.
TEST(Published, TestPlans) {
  const auto path = test::shared("tokenizers/vectors/TestPlans.txt");
  if (path.empty()) GTEST_SKIP() << "SKIPPED: needs ../shared/tokenizers/vectors/TestPlans.txt";
  const std::string plans = read_file(path);
  const std::string_view begin = "EncodingName: ", middle = "\nSample: ", end = "\nEncoded: ";
  std::map<std::string, int> counts;
  for (std::size_t at = plans.find(begin); at != plans.npos; at = plans.find(begin, at)) {
    at += begin.size();
    const std::size_t sample = plans.find(middle, at);
    const std::string name = plans.substr(at, sample - at);
    const std::size_t encoded = plans.find(end, sample);
    const std::string text = plans.substr(sample + middle.size(), encoded - sample - middle.size());
    at = encoded + end.size();
    const Ids expected = ids_of(Json::parse(plans.substr(at, plans.find('\n', at) - at), "plans"));
    EXPECT_EQ(encode(published(name), text), expected) << name << ": " << text;
    EXPECT_EQ(published(name).decode(expected), text);
    ++counts[name];
  }
  EXPECT_EQ(counts, (std::map<std::string, int>{{"r50k_base", 64},
                                                {"p50k_base", 64},
                                                {"p50k_edit", 64},
                                                {"cl100k_base", 64},
                                                {"o200k_base", 57}}));
}

TEST(Published, SpecialTokensAreThePublishedOnes) {
  const auto path = test::shared("tokenizers/encodings.json");
  if (path.empty()) GTEST_SKIP() << "SKIPPED: needs ../shared/tokenizers/encodings.json";
  const Json encodings = Json::parse(read_file(path), path.string());
  for (const std::string& name : kNames) {
    const bpe::BpeTokenizer& tokenizer = published(name);
    std::map<std::string, std::int32_t> expected, ours;
    for (const auto& [token, id] : encodings.at(name).at("special_tokens").as_object())
      expected[token] = static_cast<std::int32_t>(id.as_int());
    for (const auto& [token, id] : tokenizer.special_tokens()) ours[token] = id;
    // The id has two names there; ours is <|endofprompt|>.
    expected.erase("<|reserved_200018|>");
    EXPECT_EQ(ours, expected) << name;
    for (const auto& [token, id] : ours) EXPECT_GT(encode(tokenizer, token).size(), 1u) << token;
  }
}

// OpenAI's own list of what each id stands for: `base64 id` a line.
TEST(Published, EveryTokenIsThatOfTheRankFile) {
  const std::string digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  for (const auto& [name, size] : {std::pair<std::string, int>{"r50k", 50256}, {"p50k", 50280}}) {
    const auto path = test::shared(fmt::format("tokenizers/{0}/{0}_base.tiktoken", name));
    if (path.empty()) GTEST_SKIP() << "SKIPPED: needs ../shared/tokenizers/" << name;
    std::ifstream file(path);
    std::string base64;
    std::int32_t id = 0, count = 0;
    while (file >> base64 >> id) {
      std::string bytes;
      unsigned bits = 0, held = 0;
      for (const char digit : base64.substr(0, base64.find('='))) {
        bits = bits << 6 | static_cast<unsigned>(digits.find(digit));
        held += 6;
        if (held >= 8) bytes += static_cast<char>(bits >> (held -= 8));
      }
      ASSERT_EQ(published(name + "_base").bytes_of(id), bytes) << id;
      ++count;
    }
    EXPECT_EQ(count, size);
  }
}

// As a folder of Hugging Face, and back: the same ids, also of the tokens that only tiktoken's rule
// reaches by more than one way.
TEST(Published, SavedAndReadBackGivesTheSameIds) {
  const TemporaryFolder folder;
  const std::string text = test::fixture("training_corpus.txt");
  for (const std::string name : {"p50k_edit", "cl100k_base"}) {
    const bpe::BpeTokenizer& tokenizer = published(name);
    std::filesystem::create_directory(folder / name);
    tokenizer.save(folder / name);
    const auto again = open_tokenizer((folder / name).string());
    EXPECT_EQ(encode(*again, text), encode(tokenizer, text)) << name;
    EXPECT_EQ(again->special_tokens(), tokenizer.special_tokens()) << name;
    EXPECT_EQ(again->end_of_text(), tokenizer.end_of_text()) << name;
    EXPECT_EQ(std::filesystem::exists(folder / name / "merges.txt"), name == "p50k_edit") << name;
  }
}

TEST(Published, AnyBytesComeBack) {
  std::mt19937 random(21);
  const std::vector<std::string> parts = {
      " ",    "the",      "'RE",  "\xC3\xA9", "\xE4\xBD\xA0", "\n", "1234", "\xF0\x9F\xA6\x99",
      "\xC3", "\xF0\x9F", "\xFF", "ABC",      "\xCC\x81",     "/",  "\r\n", "  "};
  for (const std::string& name : kNames)
    for (int round = 0; round < 100; ++round) {
      std::string text = test::random_bytes(random, random() % 300);
      ASSERT_EQ(published(name).decode(encode(published(name), text)), text);
      text = test::random_text(random, parts, 60);
      ASSERT_EQ(published(name).decode(encode(published(name), text)), text);
    }
}

TEST(Published, LongRunsComeBack) {
  for (const char* name : {"cl100k_base", "o200k_base"})
    for (const char* part : {"a", "A", " ", "\n", "!", "1", "🦙", "日A", "\u0301"}) {
      std::string text;
      while (text.size() < 100000) text += part;
      EXPECT_EQ(published(name).decode(encode(published(name), text)), text);
    }
}

}  // namespace
}  // namespace stemma::tokenizer_files
