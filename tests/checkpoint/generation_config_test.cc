#include "checkpoint/generation_config.h"

#include <gtest/gtest.h>

#include "tests/base/expect_error.h"

namespace stemma::checkpoint {
namespace {

GenerationConfig parse_generation(std::string_view text) {
  return parse_generation_config(Json::parse(text, "g.json"), "g.json");
}

TEST(GenerationConfig, ReadsWhatGenerationUses) {
  const GenerationConfig one =
      parse_generation(R"({"eos_token_id": 7, "transformers_version": "5"})");
  EXPECT_EQ(one.end_tokens, std::vector<std::int64_t>{7});
  EXPECT_FALSE(one.do_sample);
  EXPECT_FALSE(one.temperature || one.top_k || one.top_p || one.min_p || one.repetition_penalty);
  EXPECT_TRUE(one.not_computed.empty());
  const GenerationConfig all = parse_generation(
      R"({"eos_token_id": [0, 214], "do_sample": true, "temperature": 0.6, "top_k": 20,
          "top_p": 0.9, "min_p": 0.05, "repetition_penalty": 1.1, "max_new_tokens": 64,
          "stop_strings": ["END"], "num_beams": 1, "typical_p": 1.0, "bad_words_ids": null,
          "suppress_tokens": [], "guidance_scale": null})");
  EXPECT_EQ(all.end_tokens, (std::vector<std::int64_t>{0, 214}));
  EXPECT_TRUE(all.do_sample);
  EXPECT_EQ(all.temperature, 0.6);
  EXPECT_EQ(all.top_k, 20);
  EXPECT_EQ(all.top_p, 0.9);
  EXPECT_EQ(all.min_p, 0.05);
  EXPECT_EQ(all.repetition_penalty, 1.1);
  EXPECT_EQ(all.max_new_tokens, 64);
  EXPECT_EQ(all.stop_strings, std::vector<std::string>{"END"});
  EXPECT_TRUE(all.not_computed.empty());
  EXPECT_EQ(all.file.at("top_k").as_int(), 20);
}

TEST(GenerationConfig, NamesWhatIsNotComputed) {
  const GenerationConfig config =
      parse_generation(R"({"num_beams": 4, "no_repeat_ngram_size": 3, "bad_words_ids": [[5]]})");
  EXPECT_EQ(config.not_computed, (std::vector<std::string>{"num_beams 4", "no_repeat_ngram_size 3",
                                                           "bad_words_ids [[5]]"}));
}

TEST(GenerationConfig, RefusesDamage) {
  const auto code = ErrorCode::corrupt;
  EXPECT_ERROR(parse_generation("[]"), code, "[generation_config] g.json");
  EXPECT_ERROR(parse_generation(R"({"temperature": "warm"})"), code, "g.json");
  EXPECT_ERROR(parse_generation(R"({"temperature": -1})"), code,
               "temperature must be from 0 to 100");
  EXPECT_ERROR(parse_generation(R"({"top_k": -1})"), code, "top_k must not be negative");
  EXPECT_ERROR(parse_generation(R"({"eos_token_id": "x"})"), code, "g.json");
  EXPECT_TRUE(read_generation_config("no/such/folder").file.is_null());
}

}  // namespace
}  // namespace stemma::checkpoint
