#include "infer/generation_defaults.h"

#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>

#include "base/file.h"
#include "base/json.h"
#include "infer/generator.h"
#include "tests/base/expect_error.h"
#include "tests/infer/model_folder.h"

namespace stemma::infer {
namespace {

using testing::ChainModel;

// The chain model with another generation_config.json.
class GenerationDefaults : public ::testing::Test {
 protected:
  LoadedModel with(const std::string& config) const {
    std::ofstream(chain_.model().path() / "generation_config.json") << config;
    return testing::open_f32(chain_.model().path());
  }
  std::vector<std::int32_t> ids(std::string_view text) const { return chain_.ids(text); }

  ChainModel chain_{"abcdefgh"};
};

TEST_F(GenerationDefaults, AreGreedyWhereTheFileSaysNothing) {
  const GenerateOptions options = generation_defaults(with("{}"));
  EXPECT_EQ(options.sampling.temperature, 0);
  EXPECT_EQ(options.sampling.top_k, 0);
  EXPECT_EQ(options.sampling.top_p, 1);
  EXPECT_EQ(options.max_tokens, GenerateOptions().max_tokens);
}

// transformers samples with temperature 1 among 50 tokens where the file says do_sample alone.
TEST_F(GenerationDefaults, AreThoseOfTransformersWithDoSample) {
  const GenerateOptions bare = generation_defaults(with(R"({"do_sample": true})"));
  EXPECT_EQ(bare.sampling.temperature, 1);
  EXPECT_EQ(bare.sampling.top_k, 50);
  const GenerateOptions all = generation_defaults(
      with(R"({"do_sample": true, "temperature": 0.6, "top_k": 0, "top_p": 0.9, "min_p": 0.1,
               "repetition_penalty": 1.2, "max_new_tokens": 7, "stop_strings": "x"})"));
  EXPECT_EQ(all.sampling.temperature, 0.6);
  EXPECT_EQ(all.sampling.top_k, 0);
  EXPECT_EQ(all.sampling.top_p, 0.9);
  EXPECT_EQ(all.sampling.min_p, 0.1);
  EXPECT_EQ(all.sampling.repetition_penalty, 1.2);
  EXPECT_EQ(all.max_tokens, 7);
  EXPECT_EQ(all.stop, std::vector<std::string>{"x"});
}

TEST_F(GenerationDefaults, AreRefusedByNameWhereTheyCannotBeFollowed) {
  const LoadedModel model = with(R"({"num_beams": 4})");
  EXPECT_ERROR(generation_defaults(model), ErrorCode::unsupported,
               "num_beams 4, which is not supported");
  EXPECT_ERROR(generation_defaults(model), ErrorCode::unsupported, "--ignore-generation-config");
}

TEST_F(GenerationDefaults, MaxLengthCountsThePrompt) {
  const LoadedModel limited = with(R"({"max_length": 8})");
  EXPECT_EQ(tokens_within_max_length(limited, 6, 128), 2);
  EXPECT_ERROR(tokens_within_max_length(limited, 8, 128), ErrorCode::invalid_argument,
               "max_length 8");
  EXPECT_EQ(tokens_within_max_length(with(R"({"max_length": 8, "max_new_tokens": 5})"), 6, 5), 5);
  EXPECT_EQ(tokens_within_max_length(with("{}"), 6, 128), 128);
}

TEST_F(GenerationDefaults, TheFilesBosBeginsAnEmptyPrompt) {
  const std::int32_t c = ids("c").front();
  EXPECT_EQ(prompt_ids(with("{\"bos_token_id\": " + std::to_string(c) + "}"), ""), std::vector{c});
}

// As transformers has it where there is no generation_config.json.
TEST_F(GenerationDefaults, AreThoseOfConfigJsonWithoutAFile) {
  const auto folder = chain_.model().path();
  std::filesystem::remove(folder / "generation_config.json");
  Json config = Json::parse(read_file(folder / "config.json"), "config");
  config.set("repetition_penalty", 3.0);
  std::ofstream(folder / "config.json") << config.dump();
  EXPECT_EQ(generation_defaults(testing::open_f32(folder)).sampling.repetition_penalty, 3.0);
  config.set("no_repeat_ngram_size", 2);
  std::ofstream(folder / "config.json") << config.dump();
  EXPECT_ERROR(generation_defaults(testing::open_f32(folder)), ErrorCode::unsupported,
               "no_repeat_ngram_size 2");
}

// A list of end tokens ends a text at each; it goes before config.json and the tokenizer.
TEST_F(GenerationDefaults, EndTokens) {
  const std::int32_t d = ids("d").front(), f = ids("f").front();
  const LoadedModel model =
      with("{\"eos_token_id\": [" + std::to_string(f) + ", " + std::to_string(d) + ", 99999]}");
  EXPECT_EQ(model.end_tokens(), (std::vector<std::int32_t>{f, d}));
  const Generation g = generate(model, ids("a"), {.max_tokens = 9});
  EXPECT_EQ(g.text, "bc");
  EXPECT_EQ(g.finish, FinishReason::end_of_text);
  const LoadedModel plain = with("{}");
  EXPECT_EQ(plain.end_tokens(), std::vector{*plain.end_of_text()});
}

}  // namespace
}  // namespace stemma::infer
