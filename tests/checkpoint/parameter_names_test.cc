#include "checkpoint/parameter_names.h"

#include <set>

#include "tests/checkpoint/support.h"

namespace stemma::checkpoint {
namespace {

using namespace testing;
using NormPlacement = DecoderConfig::NormPlacement;

const Parameter& find(const std::vector<Parameter>& all, std::string_view name) {
  for (const Parameter& p : all)
    if (p.name == name) return p;
  throw std::runtime_error("no parameter " + std::string(name));
}

TEST(ParameterNames, CoverEveryPublishedSize) {
  // num_parameters() of the models on Hugging Face.
  for (const auto& [name, parameters] : {std::pair<const char*, std::int64_t>{"gpt1", 116534784},
                                         {"gpt2", 124439808},
                                         {"gpt2-medium", 354823168},
                                         {"gpt2-large", 774030080},
                                         {"gpt2-xl", 1557611200}}) {
    std::int64_t sum = 0;
    std::set<std::string> ours, theirs;
    for (const Parameter& p : parameters_of(published_config(name))) {
      sum += p.out * std::max<std::int64_t>(p.in, 1);
      EXPECT_TRUE(ours.insert(p.name).second) << p.name;
      EXPECT_TRUE(theirs.insert(p.hf_name).second) << p.hf_name;
    }
    EXPECT_EQ(sum, parameters) << name;
  }
}

TEST(ParameterNames, MapToTheLayoutOfEachType) {
  const auto gpt2 = parameters_of(tiny_config(NormPlacement::pre));
  const auto gpt1 = parameters_of(tiny_config(NormPlacement::post));
  EXPECT_EQ(gpt2.size(), 2 + 2 * 12 + 2u);
  EXPECT_EQ(gpt1.size(), 2 + 2 * 12u);
  EXPECT_EQ(find(gpt2, "embedding.tokens").hf_name, "transformer.wte.weight");
  EXPECT_EQ(find(gpt1, "embedding.tokens").hf_name, "transformer.tokens_embed.weight");
  EXPECT_EQ(find(gpt1, "embedding.positions").hf_name, "transformer.positions_embed.weight");
  EXPECT_EQ(find(gpt1, "blocks.1.norm2.gain").hf_name, "transformer.h.1.ln_2.weight");
  const Parameter& qkv = find(gpt2, "blocks.1.attention.qkv.weight");
  EXPECT_EQ(qkv.hf_name, "transformer.h.1.attn.c_attn.weight");
  EXPECT_EQ(qkv.shape(), (std::vector<std::int64_t>{18, 6}));
  EXPECT_EQ(qkv.file_shape(), (std::vector<std::int64_t>{6, 18}));
  EXPECT_EQ(find(gpt2, "embedding.tokens").file_shape(), (std::vector<std::int64_t>{11, 6}));
  EXPECT_EQ(find(gpt2, "blocks.0.feed_forward.down.weight").file_shape(),
            (std::vector<std::int64_t>{24, 6}));
}

TEST(ParameterNames, TellBuffersFromBiases) {
  EXPECT_TRUE(is_buffer("transformer.h.0.attn.bias"));
  EXPECT_TRUE(is_buffer("h.11.attn.masked_bias"));
  EXPECT_FALSE(is_buffer("transformer.h.0.attn.c_attn.bias"));
  EXPECT_FALSE(is_buffer("lm_head.bias"));
  EXPECT_EQ(without_prefix("transformer.wte.weight"), "wte.weight");
  EXPECT_EQ(without_prefix("lm_head.weight"), "lm_head.weight");
}

}  // namespace
}  // namespace stemma::checkpoint
