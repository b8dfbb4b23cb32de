#include "infer/generator.h"

#include <algorithm>
#include <limits>
#include <set>

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

// Greedy by hand from whole passes; seen are the last ids from `first` on.
std::vector<std::int32_t> penalised(const LoadedModel& model, std::vector<std::int32_t> ids,
                                    std::size_t first, std::size_t count, float penalty) {
  const std::size_t prompt = ids.size();
  while (ids.size() < prompt + count) {
    Batch batch;
    batch.ids = ids;
    for (std::size_t i = 0; i < ids.size(); ++i)
      batch.positions.push_back(static_cast<std::int32_t>(i));
    batch.offsets = {0, batch.tokens()};
    nn::FullAttention attention(batch);
    ops::Context ctx = model.context();
    const Tensor h = model.model().forward({ctx, batch, attention});
    const Tensor logits = model.model().head().logits(ctx, h.slice_rows(h.rows() - 1, h.rows()));
    float* x = logits.data<float>();
    for (const std::int32_t id :
         std::set<std::int32_t>(ids.begin() + static_cast<std::ptrdiff_t>(first), ids.end()))
      x[id] = x[id] < 0 ? x[id] * penalty : x[id] / penalty;
    ids.push_back(static_cast<std::int32_t>(std::max_element(x, x + model.config().vocab) - x));
  }
  return {ids.begin() + static_cast<std::ptrdiff_t>(prompt), ids.end()};
}

TEST(Generator, RepetitionPenaltySeesPromptAndContinuation) {
  ModelConfig config;
  config.family = "gpt2";
  config.vocab = 17;
  config.context = 32;
  config.channels = 12;
  config.heads = 3;
  config.layers = 2;
  config.hidden = 48;
  config.weight_std = 0.5;
  ModelOptions model_options;
  model_options.precision = "f32";
  model_options.threads = 1;
  const LoadedModel model = LoadedModel::random(config, model_options);
  GenerateOptions options = tokens(12);
  options.sampling.repetition_penalty = 1.5;
  int prompt_matters = 0, continuation_matters = 0;
  for (std::int32_t start = 0; start < 8; ++start) {
    const std::vector<std::int32_t> prompt = {start, (start * 5 + 1) % 17, (start * 3 + 2) % 17};
    const std::vector<std::int32_t> ids = generate(model, prompt, options).ids;
    EXPECT_EQ(ids, penalised(model, prompt, 0, 12, 1.5f));
    prompt_matters += ids != penalised(model, prompt, 3, 12, 1.5f);
    continuation_matters += ids != penalised(model, prompt, 0, 12, 1.0f);
  }
  EXPECT_GT(prompt_matters, 0);
  EXPECT_GT(continuation_matters, 0);
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
