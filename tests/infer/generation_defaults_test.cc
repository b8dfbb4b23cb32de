#include "infer/generation_defaults.h"

#include <fstream>

#include <gtest/gtest.h>

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
