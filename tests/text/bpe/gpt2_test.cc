#include <fstream>
#include <iterator>
#include <random>
#include <sstream>
#include <thread>

#include <gtest/gtest.h>

#include "base/json.h"
#include "tests/base/expect_error.h"
#include "tests/text/support.h"
#include "text/files/published.h"

namespace stemma::bpe {
namespace {

using test::encode;
using test::Ids;

const Tokenizer& gpt2() {
  static const auto tokenizer = tokenizer_files::published_tokenizer("gpt2");
  return *tokenizer;
}

void expect_round_trip(std::string_view text) {
  const Ids ids = encode(gpt2(), text);
  ASSERT_EQ(gpt2().decode(ids), text) << testing::PrintToString(std::string(text.substr(0, 200)));
}

TEST(Gpt2, ItsShape) {
  EXPECT_EQ(gpt2().vocab_size(), 50257);
  EXPECT_EQ(gpt2().end_of_text(), 50256);
  EXPECT_EQ(gpt2().special_tokens(),
            (std::vector<std::pair<std::string, std::int32_t>>{{"<|endoftext|>", 50256}}));
  EXPECT_EQ(gpt2().bytes_of(50256), "<|endoftext|>");
  EXPECT_EQ(gpt2().bytes_of(262), " the");
  EXPECT_ERROR(gpt2().bytes_of(50257), ErrorCode::invalid_argument, "50257 is out of range");
  EXPECT_ERROR(gpt2().decode(Ids{-1}), ErrorCode::invalid_argument, "-1 is out of range");
}

TEST(Gpt2, PublishedExamples) {
  EXPECT_EQ(encode(gpt2(), "Hello world"), (Ids{15496, 995}));
  EXPECT_EQ(encode(gpt2(), ""), Ids());
  EXPECT_EQ(encode(gpt2(), "<|endoftext|>"), (Ids{27, 91, 437, 1659, 5239, 91, 29}));
}

// Made by tiktoken from texts of our own (fixtures/make_fixtures.py).
TEST(Gpt2, EqualsTiktoken) {
  const Json cases = Json::parse(test::fixture("gpt2_ids.json"), "gpt2_ids.json");
  ASSERT_GE(cases.as_array().size(), 100u);
  for (const Json& item : cases.as_array()) {
    Ids expected;
    for (const Json& id : item.at("ids").as_array())
      expected.push_back(static_cast<std::int32_t>(id.as_int()));
    const std::string& text = item.at("text").as_string();
    EXPECT_EQ(encode(gpt2(), text), expected) << text;
    EXPECT_EQ(gpt2().decode(expected), text);
  }
}

TEST(Gpt2, LlamaCppVocabularyCases) {
  const auto inputs = test::shared("tokenizers/gpt2/ggml-vocab-gpt-2.gguf.inp");
  const auto outputs = test::shared("tokenizers/gpt2/ggml-vocab-gpt-2.gguf.out");
  if (inputs.empty()) GTEST_SKIP() << "SKIPPED: needs ../shared/tokenizers/gpt2";
  const std::string text = read_file(inputs), mark = "\n__ggml_vocab_test__\n";
  std::ifstream expected_lines(outputs);
  int count = 0;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find(mark, at), text.size());
    std::string line;
    ASSERT_TRUE(std::getline(expected_lines, line));
    std::istringstream numbers(line);
    const Ids expected{std::istream_iterator<std::int32_t>(numbers), {}};
    EXPECT_EQ(encode(gpt2(), text.substr(at, end - at)), expected) << text.substr(at, end - at);
    at = end + mark.size();
    ++count;
  }
  EXPECT_EQ(count, 46);
}

TEST(Gpt2, PromptsOfTheRealModel) {
  const auto path = test::shared("models/gpt2-124m-golden/prompts.json");
  if (path.empty()) GTEST_SKIP() << "SKIPPED: needs ../shared/models/gpt2-124m-golden";
  const Json prompts = Json::parse(read_file(path), "prompts.json");
  for (const Json& prompt : prompts.as_array()) {
    Ids expected;
    for (const Json& id : prompt.at("token_ids").as_array())
      expected.push_back(static_cast<std::int32_t>(id.as_int()));
    EXPECT_EQ(encode(gpt2(), prompt.at("prompt").as_string()), expected);
    const auto& tokens = prompt.at("tokens").as_array();
    for (std::size_t i = 0; i < tokens.size(); ++i)
      EXPECT_EQ(gpt2().bytes_of(expected[i]), tokens[i].as_string());
  }
  EXPECT_EQ(prompts.as_array().size(), 5u);
}

TEST(Gpt2, InvalidUtf8IsEncodedByteByByte) {
  for (const char* text : {"\xFF", "\x80\x80", "\xC0\x80", "\xED\xA0\x80", "\xF4\x90\x80\x80",
                           "\xE4\xBD", "\xF0\x9F\xA6"}) {
    expect_round_trip(text);
    EXPECT_EQ(encode(gpt2(), text).size(), std::string(text).size());
  }
  // Around it, text is as it would be.
  const std::string text = "Hello world\xFF Hello world";
  EXPECT_EQ(encode(gpt2(), text), (Ids{15496, 995, 187, 18435, 995}));
  expect_round_trip(std::string("a\0b\0\0", 5));
}

TEST(Gpt2, AnyBytesComeBack) {
  std::mt19937 random(11);
  const std::vector<std::string> parts = {
      " ",    "the",      "'re", "\xC3\xA9", "\xE4\xBD\xA0", "\n", "1234", "\xF0\x9F\xA6\x99",
      "\xC3", "\xF0\x9F", "\xFF"};
  for (int round = 0; round < 400; ++round) {
    expect_round_trip(test::random_bytes(random, random() % 600));
    expect_round_trip(test::random_text(random, parts, 100));
  }
}

TEST(Gpt2, LongRunsOfOneCharacter) {
  const std::string letters(1000000, 'a'), spaces(1000000, ' ');
  const Ids letter_ids = encode(gpt2(), letters);
  EXPECT_EQ(gpt2().decode(letter_ids), letters);
  EXPECT_EQ(letter_ids.size(), 250000u);  // "aaaa" is the longest token of a's, as in tiktoken
  expect_round_trip(spaces);
  std::string emoji;
  for (int i = 0; i < 100000; ++i) emoji += "🦙";
  expect_round_trip(emoji);
}

// encode() remembers words within a text; that must not show.
TEST(Gpt2, WordsAreTheSameInAnyCompany) {
  std::mt19937 random(12);
  const std::vector<std::string> parts = {" Alpha",
                                          " beta",
                                          " gammagamma",
                                          " De",
                                          "lta",
                                          "1",
                                          "!!",
                                          " internationalisation",
                                          "internationalization"};
  for (int round = 0; round < 20; ++round) {
    const std::string text = test::random_text(random, parts, 3000);
    Ids expected;
    for (const std::string& piece : test::pieces(split::gpt2_splitter(), text))
      gpt2().encode(piece, expected);
    ASSERT_EQ(encode(gpt2(), text), expected);
  }
}

TEST(Gpt2, SeveralThreadsAtOnce) {
  std::mt19937 random(13);
  const std::string text = test::random_text(random, {" one", " two", " threefold", "?"}, 5000);
  const Ids expected = encode(gpt2(), text);
  std::vector<Ids> results(4);
  std::vector<std::thread> threads;
  threads.reserve(results.size());
  for (Ids& result : results) threads.emplace_back([&] { result = encode(gpt2(), text); });
  for (std::thread& thread : threads) thread.join();
  for (const Ids& result : results) EXPECT_EQ(result, expected);
}

}  // namespace
}  // namespace stemma::bpe
