#include "infer/generator.h"

#include <limits>

#include <gtest/gtest.h>

#include "tests/base/expect_error.h"
#include "tests/infer/model_folder.h"

namespace stemma::infer {
namespace {

using testing::ChainModel;

const ChainModel& alphabet() {
  static const ChainModel model("abcdefghijklmnopqrstuvwxyz");
  return model;
}

Generation run(const ChainModel& chain, std::string_view prompt, const GenerateOptions& options) {
  return generate(chain.model(), chain.ids(prompt), options);
}

GenerateOptions tokens(std::int64_t count) {
  GenerateOptions options;
  options.max_tokens = count;
  return options;
}

TEST(Generator, Length) {
  const Generation g = run(alphabet(), "xa", tokens(3));
  EXPECT_EQ(g.text, "bcd");
  EXPECT_EQ(g.ids, alphabet().ids("bcd"));
  EXPECT_EQ(g.finish, FinishReason::length);
  EXPECT_EQ(to_string(g.finish), "length");
}

TEST(Generator, NoTokensWanted) {
  const Generation g = run(alphabet(), "a", tokens(0));
  EXPECT_EQ(g.text, "");
  EXPECT_TRUE(g.ids.empty());
  EXPECT_EQ(g.finish, FinishReason::length);
}

TEST(Generator, EndOfText) {
  const Generation g = run(alphabet(), "x", tokens(9));
  EXPECT_EQ(g.text, "yz");
  EXPECT_EQ(g.ids, alphabet().ids("yz"));
  EXPECT_EQ(g.finish, FinishReason::end_of_text);
  EXPECT_EQ(to_string(g.finish), "eot");
}

TEST(Generator, EndOfTextIgnored) {
  GenerateOptions options = tokens(4);
  options.ignore_end_of_text = true;
  const Generation g = run(alphabet(), "x", options);
  const std::int32_t end = *alphabet().model().end_of_text();
  std::vector<std::int32_t> wanted = alphabet().ids("yz");
  wanted.insert(wanted.end(), {end, end});  // the chain stays there
  EXPECT_EQ(g.ids, wanted);
  EXPECT_EQ(g.finish, FinishReason::length);
}

TEST(Generator, Context) {
  // The last of 12 positions still predicts one token.
  const Generation g = run(alphabet(), "abcdefghij", tokens(50));
  EXPECT_EQ(g.text, "klm");
  EXPECT_EQ(g.finish, FinishReason::context);
  EXPECT_EQ(to_string(g.finish), "context");
  const Generation full =
      run(alphabet(), "abcdefghijkl", tokens(std::numeric_limits<std::int64_t>::max()));
  EXPECT_EQ(full.text, "m");
  EXPECT_EQ(full.finish, FinishReason::context);
  // What was asked for came: that is no shortage.
  EXPECT_EQ(run(alphabet(), "abcdefghij", tokens(3)).finish, FinishReason::length);
}

TEST(Generator, StopString) {
  GenerateOptions options = tokens(9);
  options.stop = {"zz", "ef"};
  std::vector<std::string> pieces;
  options.on_text = [&](std::string_view piece) {
    pieces.emplace_back(piece);
    return true;
  };
  const Generation g = run(alphabet(), "a", options);
  EXPECT_EQ(g.text, "bcd");
  EXPECT_EQ(g.finish, FinishReason::stop);
  EXPECT_EQ(to_string(g.finish), "stop");
  EXPECT_EQ(pieces, (std::vector<std::string>{"b", "c", "d"}));
}

TEST(Generator, WhatAStopMightTakeBackComesLater) {
  GenerateOptions options = tokens(5);
  options.stop = {"cdx", "f!"};
  std::vector<std::string> pieces;
  options.on_text = [&](std::string_view piece) {
    pieces.emplace_back(piece);
    return true;
  };
  const Generation g = run(alphabet(), "a", options);
  EXPECT_EQ(g.text, "bcdef");
  EXPECT_EQ(g.finish, FinishReason::length);
  EXPECT_EQ(pieces, (std::vector<std::string>{"b", "cde", "f"}));
}

TEST(Generator, AStopOfTheLastToken) {
  GenerateOptions options = tokens(3);
  options.stop = {"d"};
  const Generation g = run(alphabet(), "a", options);
  EXPECT_EQ(g.text, "bc");
  EXPECT_EQ(g.finish, FinishReason::stop);
}

TEST(Generator, TheListenerCanEndIt) {
  GenerateOptions options = tokens(9);
  std::string heard;
  options.on_text = [&](std::string_view piece) {
    heard += piece;
    return heard.size() < 2;
  };
  const Generation g = run(alphabet(), "a", options);
  EXPECT_EQ(g.finish, FinishReason::cancelled);
  EXPECT_EQ(to_string(g.finish), "cancelled");
  EXPECT_EQ(heard, "bc");
  EXPECT_EQ(g.ids, alphabet().ids("bc"));
}

TEST(Generator, WholeCharactersOnly) {
  const ChainModel chain("a\xC3\xA9z\xE2\x82\xACy");  // a é z € y
  GenerateOptions options = tokens(9);
  std::vector<std::string> pieces;
  options.on_text = [&](std::string_view piece) {
    pieces.emplace_back(piece);
    return true;
  };
  EXPECT_EQ(run(chain, "a", options).text, "\xC3\xA9z\xE2\x82\xACy");
  EXPECT_EQ(pieces, (std::vector<std::string>{"\xC3\xA9", "z", "\xE2\x82\xAC", "y"}));
  // Cut off inside a character: the bytes that came, at the end.
  pieces.clear();
  options.max_tokens = 4;
  EXPECT_EQ(run(chain, "a", options).text, "\xC3\xA9z\xE2");
  EXPECT_EQ(pieces.back(), "\xE2");
}

TEST(Generator, RepetitionPenaltySeesThePrompt) {
  // 'A' is followed by itself; its logit is about 16, the others' about -0.06: a penalty of 100
  // leaves it the best, so does the second time, for a token counts once.
  GenerateOptions options = tokens(3);
  options.sampling.repetition_penalty = 100;
  EXPECT_EQ(run(alphabet(), "A", options).text, "AAA");
}

TEST(Generator, SamplesAreAFunctionOfTheSeed) {
  GenerateOptions options = tokens(8);
  options.sampling.temperature = 20;
  options.ignore_end_of_text = true;
  std::vector<std::vector<std::int32_t>> seen;
  for (std::uint64_t seed = 0; seed < 5; ++seed) {
    options.sampling.seed = seed;
    const std::vector<std::int32_t> ids = run(alphabet(), "a", options).ids;
    EXPECT_EQ(run(alphabet(), "a", options).ids, ids);
    for (const auto& other : seen) EXPECT_NE(ids, other);
    seen.push_back(ids);
  }
}

TEST(Generator, PromptOfText) {
  const LoadedModel& model = alphabet().model();
  EXPECT_EQ(prompt_ids(model, "abc"), alphabet().ids("abc"));
  EXPECT_EQ(prompt_ids(model, ""), std::vector<std::int32_t>{*model.end_of_text()});
  // Text is never a special token.
  EXPECT_EQ(prompt_ids(model, "<|endoftext|>").size(), 13u);
}

TEST(Generator, ImpossibleRequests) {
  const LoadedModel& model = alphabet().model();
  const auto request = [&](std::vector<std::int32_t> prompt, const GenerateOptions& options) {
    generate(model, prompt, options);
  };
  EXPECT_ERROR(request({}, tokens(1)), ErrorCode::invalid_argument, "no tokens");
  EXPECT_ERROR(request(std::vector<std::int32_t>(13, 1), tokens(1)), ErrorCode::invalid_argument,
               "13 tokens");
  EXPECT_ERROR(request({257}, tokens(1)), ErrorCode::invalid_argument, "257");
  EXPECT_ERROR(request({-1}, tokens(1)), ErrorCode::invalid_argument, "-1");
  EXPECT_ERROR(request({1}, tokens(-1)), ErrorCode::invalid_argument, "max_tokens");
  GenerateOptions hot = tokens(1);
  hot.sampling.temperature = 1000;
  EXPECT_ERROR(request({1}, hot), ErrorCode::invalid_argument, "temperature");
}

TEST(Generator, WithoutATokenizerThereAreIdsOnly) {
  ModelOptions options;
  options.precision = "f32";
  options.threads = 1;
  const LoadedModel model = LoadedModel::random(alphabet().model().config(), options);
  const std::vector<std::int32_t> prompt = {1, 2};
  const Generation g = generate(model, prompt, tokens(4));
  EXPECT_EQ(g.ids.size(), 4u);
  EXPECT_EQ(g.text, "");
  GenerateOptions stopping = tokens(4);
  stopping.stop = {"x"};
  EXPECT_ERROR(generate(model, prompt, stopping), ErrorCode::not_found, "tokenizer");
  EXPECT_ERROR(prompt_ids(model, "a"), ErrorCode::not_found, "tokenizer");
}

}  // namespace
}  // namespace stemma::infer
