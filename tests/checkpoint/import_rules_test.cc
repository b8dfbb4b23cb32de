#include "checkpoint/import_rules.h"

#include <set>

#include "models/cost.h"
#include "models/family.h"
#include "tests/checkpoint/support.h"

namespace stemma::checkpoint {
namespace {

using namespace testing;

// The tensors of one parameter of a tiny model.
std::vector<FileTensor> files_of(const std::string& family, std::string_view name) {
  for (const nn::ParameterSpec& spec : parameters_of(tiny_config(family)))
    if (spec.name == name) return rules_of(family).files(spec);
  throw std::runtime_error("no parameter " + std::string(name));
}
FileTensor file_of(const std::string& family, std::string_view name) {
  return files_of(family, name).front();
}

// Every parameter of every family has a place in its files, no tensor is there twice, and the
// tensors together have the parameter's elements.
TEST(ImportRules, EveryParameterHasItsPlace) {
  for (const Family* family : families()) {
    SCOPED_TRACE(std::string(family->name));
    const ImportRules& rules = rules_of(family->name);
    EXPECT_FALSE(rules.model_types.empty());
    for (const std::string_view type : rules.model_types) EXPECT_EQ(find_rules(type), &rules);
    std::set<std::string> names;
    for (const nn::ParameterSpec& spec : parameters_of(tiny_config(std::string(family->name)))) {
      std::int64_t elements = 0;
      for (const FileTensor& tensor : rules.files(spec)) {
        EXPECT_TRUE(names.insert(tensor.name).second) << tensor.name;
        std::int64_t product = 1;
        for (const std::int64_t dim : tensor.shape) product *= dim;
        elements += product;
        EXPECT_FALSE(rules.is_buffer(tensor.name)) << tensor.name;
      }
      EXPECT_EQ(elements, spec.elements()) << spec.name;
    }
  }
}

TEST(ImportRules, MapToTheLayoutOfEachType) {
  EXPECT_EQ(file_of("gpt2", "embedding.tokens").name, "transformer.wte.weight");
  EXPECT_EQ(file_of("gpt1", "embedding.tokens").name, "transformer.tokens_embed.weight");
  EXPECT_EQ(file_of("gpt1", "embedding.positions").name, "transformer.positions_embed.weight");
  EXPECT_EQ(file_of("gpt1", "blocks.1.norm2.gain").name, "transformer.h.1.ln_2.weight");
  EXPECT_EQ(file_of("gpt2", "final_norm.bias").name, "transformer.ln_f.bias");
  const FileTensor qkv = file_of("gpt2", "blocks.1.attention.qkv.weight");
  EXPECT_EQ(qkv.name, "transformer.h.1.attn.c_attn.weight");
  EXPECT_TRUE(qkv.transposed);
  EXPECT_EQ(qkv.shape, (std::vector<std::int64_t>{6, 18}));
  EXPECT_EQ(file_of("gpt2", "embedding.tokens").shape, (std::vector<std::int64_t>{11, 6}));
  EXPECT_EQ(file_of("gpt2", "blocks.0.feed_forward.down.weight").shape,
            (std::vector<std::int64_t>{24, 6}));
}

TEST(ImportRules, BertKeepsQueryKeyAndValueApart) {
  const auto weights = files_of("bert", "blocks.1.attention.qkv.weight");
  const auto biases = files_of("bert", "blocks.1.attention.qkv.bias");
  ASSERT_EQ(weights.size(), 3u);
  ASSERT_EQ(biases.size(), 3u);
  EXPECT_EQ(weights[1].name, "bert.encoder.layer.1.attention.self.key.weight");
  EXPECT_EQ(weights[1].shape, (std::vector<std::int64_t>{6, 6}));
  EXPECT_EQ(biases[2].name, "bert.encoder.layer.1.attention.self.value.bias");
  EXPECT_EQ(biases[2].shape, (std::vector<std::int64_t>{6}));
  EXPECT_EQ(file_of("bert", "blocks.0.norm1.gain").name,
            "bert.encoder.layer.0.attention.output.LayerNorm.weight");
  EXPECT_EQ(file_of("bert", "head.transform.weight").name,
            "cls.predictions.transform.dense.weight");
  const ImportRules& rules = rules_of("bert");
  EXPECT_EQ(rules.other_name("bert.embeddings.LayerNorm.weight"),
            "bert.embeddings.LayerNorm.gamma");
  EXPECT_EQ(rules.other_name("bert.pooler.dense.bias"), "");
  EXPECT_TRUE(rules.is_buffer("embeddings.position_ids"));
  EXPECT_FALSE(rules.is_buffer("bert.embeddings.position_embeddings.weight"));
}

TEST(ImportRules, TellBuffersFromBiases) {
  const ImportRules& rules = rules_of("gpt2");
  EXPECT_TRUE(rules.is_buffer("transformer.h.0.attn.bias"));
  EXPECT_TRUE(rules.is_buffer("h.11.attn.masked_bias"));
  EXPECT_FALSE(rules.is_buffer("transformer.h.0.attn.c_attn.bias"));
  EXPECT_FALSE(rules.is_buffer("lm_head.bias"));
  EXPECT_EQ(find_rules("mamba"), nullptr);
}

}  // namespace
}  // namespace stemma::checkpoint
