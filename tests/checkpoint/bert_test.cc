// BERT's files: which heads a folder has, old names, bare models, keys that are refused.
#include <algorithm>

#include "checkpoint/export.h"
#include "tests/checkpoint/support.h"

namespace stemma::checkpoint {
namespace {

using namespace testing;

struct BertHeads {
  bool token, pooler, pair;
};

ConfigFile bert_config(const BertHeads& heads) {
  ConfigFile config;
  config.model = tiny_config("bert");
  config.model.token_head = config.model.head_bias = heads.token;
  config.model.pooler = heads.pooler;
  config.model.pair_head = heads.pair;
  return config;
}

// The tensors of a model's file, which a test may rename before it writes them again.
std::vector<NamedTensor> exported(const fs::path& folder, const ConfigFile& config) {
  const auto parameters = counting_parameters(config.model);
  export_model(folder, {.config = config, .parameters = parameters});
  const SafetensorsReader reader(folder / "model.safetensors");
  std::vector<NamedTensor> tensors;
  for (const StoredTensor& tensor : reader.tensors())
    tensors.push_back({tensor.name, reader.read(tensor, Memory::own)});
  return tensors;
}

void expect_same_parameters(const fs::path& folder, const ConfigFile& config) {
  CheckpointSource source(folder, Memory::own);
  for (const NamedTensor& p : counting_parameters(config.model))
    EXPECT_TRUE(same_tensor(parameter(source, p.name), p.tensor)) << p.name;
}

TEST(BertFiles, TheTensorsSayWhichHeadsThereAre) {
  struct Case {
    BertHeads heads;
    const char* architecture;
  };
  for (const Case& each :
       {Case{{true, true, true}, "BertForPreTraining"},
        Case{{true, false, false}, "BertForMaskedLM"},
        Case{{false, true, true}, "BertForNextSentencePrediction"},
        Case{{false, true, false}, "BertModel"}, Case{{false, false, false}, "BertModel"}}) {
    SCOPED_TRACE(each.architecture);
    const ScratchFolder scratch;
    const ConfigFile config = bert_config(each.heads);
    const auto tensors = exported(scratch / "m", config);
    const Json json = Json::parse(get(scratch / "m/config.json"), "config.json");
    EXPECT_EQ(json.at("architectures").as_array().front().as_string(), each.architecture);
    const ModelConfig read = load_config(scratch / "m").model;
    EXPECT_EQ(read.token_head, each.heads.token);
    EXPECT_EQ(read.head_bias, each.heads.token);
    EXPECT_EQ(read.pooler, each.heads.pooler);
    EXPECT_EQ(read.pair_head, each.heads.pair);
    EXPECT_TRUE(read.tied_head);
    EXPECT_FALSE(read.causal);
    expect_same_parameters(scratch / "m", config);
    // A bare model's names have no prefix.
    const bool bare = !each.heads.token && !each.heads.pair;
    for (const NamedTensor& tensor : tensors)
      EXPECT_EQ(tensor.name.starts_with("bert."), !bare && !tensor.name.starts_with("cls."))
          << tensor.name;
  }
}

TEST(BertFiles, AnUntiedHeadIsReadAndWritten) {
  const ScratchFolder scratch;
  ConfigFile config = bert_config({true, true, true});
  config.model.tied_head = false;
  exported(scratch / "m", config);
  EXPECT_FALSE(load_config(scratch / "m").model.tied_head);
  expect_same_parameters(scratch / "m", config);
}

TEST(BertFiles, OldNamesAndRepeatedTensors) {
  const ScratchFolder scratch;
  const ConfigFile config = bert_config({true, true, true});
  auto tensors = exported(scratch / "m", config);
  Tensor bias, tokens;
  for (NamedTensor& tensor : tensors) {
    if (tensor.name == "cls.predictions.bias") bias = tensor.tensor;
    if (tensor.name == "bert.embeddings.word_embeddings.weight") tokens = tensor.tensor;
    const auto rename = [&](std::string_view from, std::string_view to) {
      if (tensor.name.ends_with(from))
        tensor.name.replace(tensor.name.size() - from.size(), from.size(), to);
    };
    rename("LayerNorm.weight", "LayerNorm.gamma");
    rename("LayerNorm.bias", "LayerNorm.beta");
  }
  tensors.push_back({"cls.predictions.decoder.weight", tokens});
  tensors.push_back({"cls.predictions.decoder.bias", bias});
  tensors.push_back({"bert.embeddings.position_ids", Tensor::zeros({1, 7}, DType::f32)});
  write_safetensors(scratch / "m/model.safetensors", tensors);
  expect_same_parameters(scratch / "m", config);
  EXPECT_TRUE(load_config(scratch / "m").model.tied_head);
  // Two values for one parameter.
  tensors[tensors.size() - 2].tensor = counting({11}, 5);
  write_safetensors(scratch / "m/model.safetensors", tensors);
  expect_error(ErrorCode::corrupt, {"cls.predictions.decoder.bias", "one tensor"},
               [&] { CheckpointSource(scratch / "m", Memory::own); });
}

TEST(BertFiles, AMissingPartOfTheFusedBiasIsNamed) {
  const ScratchFolder scratch;
  auto tensors = exported(scratch / "m", bert_config({true, true, true}));
  std::erase_if(tensors, [](const NamedTensor& tensor) {
    return tensor.name == "bert.encoder.layer.1.attention.self.key.bias";
  });
  write_safetensors(scratch / "m/model.safetensors", tensors);
  expect_error(ErrorCode::corrupt, {"layer.1.attention.self.key.bias"},
               [&] { CheckpointSource(scratch / "m", Memory::own); });
}

TEST(BertFiles, ConfigurationOfTransformers) {
  const ConfigFile c = parse_config(Json::parse(R"({"model_type": "bert"})", "c"), "c");
  // transformers' defaults are BERT base.
  EXPECT_EQ(c.model.layers, 12);
  EXPECT_EQ(c.model.hidden, 3072);
  EXPECT_EQ(c.model.segments, 2);
  EXPECT_EQ(c.model.norm_eps, 1e-12);
  EXPECT_EQ(c.model.activation, kernels::Activation::gelu_erf);
  EXPECT_EQ(c.model.embedding_dropout, 0.1);
  EXPECT_TRUE(c.model.pair_head);
  const ConfigFile bare = parse_config(
      Json::parse(R"({"model_type": "bert", "architectures": ["BertModel"]})", "c"), "c");
  EXPECT_FALSE(bare.model.token_head);
  EXPECT_TRUE(bare.model.pooler);
}

TEST(BertFiles, RefusesWhatChangesResults) {
  struct Bad {
    const char* json;
    const char* word;
  };
  for (const Bad& bad :
       {Bad{R"({"model_type": "bert", "is_decoder": true})", "is_decoder"},
        Bad{R"({"model_type": "bert", "position_embedding_type": "relative_key"})", "relative_key"},
        Bad{R"({"model_type": "bert", "hidden_act": "mish"})", "mish"}})
    expect_error(ErrorCode::unsupported, {bad.word},
                 [&] { parse_config(Json::parse(bad.json, "c"), "c"); });
  expect_error(ErrorCode::corrupt, {"segment"}, [] {
    parse_config(Json::parse(R"({"model_type": "bert", "type_vocab_size": 0})", "c"), "c");
  });
  ConfigFile config = bert_config({true, true, true});
  config.model.embedding_dropout = 0.2;
  expect_error(ErrorCode::unsupported, {"hidden_dropout_prob"}, [&] { to_config_json(config); });
}

}  // namespace
}  // namespace stemma::checkpoint
