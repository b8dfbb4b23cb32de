#include "checkpoint/config_file.h"

#include <random>

#include "models/cost.h"
#include "tests/checkpoint/support.h"

namespace stemma::checkpoint {
namespace {

using namespace testing;
using kernels::Activation;

ConfigFile parse(std::string_view text) {
  return parse_config(Json::parse(text, "config.json"), "config.json");
}

// config.json of openai-community/gpt2, without the keys that decide nothing.
constexpr std::string_view kGpt2 = R"({
  "activation_function": "gelu_new", "architectures": ["GPT2LMHeadModel"], "attn_pdrop": 0.1,
  "bos_token_id": 50256, "embd_pdrop": 0.1, "eos_token_id": 50256, "initializer_range": 0.02,
  "layer_norm_epsilon": 1e-05, "model_type": "gpt2", "n_ctx": 1024, "n_embd": 768, "n_head": 12,
  "n_layer": 12, "n_positions": 1024, "resid_pdrop": 0.1, "vocab_size": 50257})";

// config.json of openai-community/openai-gpt, likewise.
constexpr std::string_view kGpt1 = R"({
  "afn": "gelu", "architectures": ["OpenAIGPTLMHeadModel"], "attn_pdrop": 0.1, "embd_pdrop": 0.1,
  "initializer_range": 0.02, "layer_norm_epsilon": 1e-05, "model_type": "openai-gpt",
  "n_ctx": 512, "n_embd": 768, "n_head": 12, "n_layer": 12, "n_positions": 512, "n_special": 0,
  "predict_special_tokens": true, "resid_pdrop": 0.1, "vocab_size": 40478})";

TEST(ConfigFile, ReadsGpt2) {
  const ConfigFile model = parse(kGpt2);
  const ModelConfig& c = model.model;
  EXPECT_EQ(c.vocab, 50257);
  EXPECT_EQ(c.context, 1024);
  EXPECT_EQ(c.channels, 768);
  EXPECT_EQ(c.hidden, 3072);
  EXPECT_EQ(c.heads, 12);
  EXPECT_EQ(c.layers, 12);
  EXPECT_EQ(c.family, "gpt2");
  EXPECT_EQ(c.activation, Activation::gelu_tanh);
  EXPECT_TRUE(c.tied_head);
  EXPECT_TRUE(c.scaled_residual);
  EXPECT_EQ(c.residual_dropout, 0.1);
  EXPECT_EQ(model.eos_token, 50256);
  EXPECT_EQ(ModelCost(c).parameters(), 124439808);  // Hugging Face's num_parameters() of gpt2
}

TEST(ConfigFile, ReadsOpenAiGpt) {
  const ConfigFile model = parse(kGpt1);
  EXPECT_EQ(model.model.family, "gpt1");
  EXPECT_EQ(model.model.activation, Activation::gelu_tanh);  // "gelu" means the tanh form here
  EXPECT_EQ(model.model.context, 512);
  EXPECT_EQ(model.model.vocab, 40478);
  EXPECT_FALSE(model.model.scaled_residual);
  EXPECT_FALSE(model.eos_token.has_value());
  EXPECT_EQ(ModelCost(model.model).parameters(), 116534784);  // num_parameters() of openai-gpt
}

TEST(ConfigFile, AbsentKeysAreTransformersDefaults) {
  const ConfigFile gpt2 = parse(R"({"model_type": "gpt2"})");
  EXPECT_EQ(to_config_json(gpt2).dump(), to_config_json(parse(kGpt2)).dump());
  const ConfigFile gpt1 = parse(R"({"model_type": "openai-gpt"})");
  EXPECT_EQ(to_config_json(gpt1).dump(), to_config_json(parse(kGpt1)).dump());
}

TEST(ConfigFile, ReadsOtherNamesAndForms) {
  const ConfigFile model = parse(R"({"model_type": "gpt2", "hidden_size": 64, "n_inner": 100,
    "num_attention_heads": 4, "num_hidden_layers": 3, "max_position_embeddings": 77,
    "vocab_size": 99, "activation_function": "gelu", "eos_token_id": [5, 6], "bos_token_id": null,
    "tie_word_embeddings": false, "layer_norm_epsilon": 1e-6})");
  const ModelConfig& c = model.model;
  EXPECT_EQ(c.channels, 64);
  EXPECT_EQ(c.hidden, 100);
  EXPECT_EQ(c.heads, 4);
  EXPECT_EQ(c.layers, 3);
  EXPECT_EQ(c.context, 77);
  EXPECT_EQ(c.activation, Activation::gelu_erf);
  EXPECT_FALSE(c.tied_head);
  EXPECT_EQ(c.norm_eps, 1e-6);
  EXPECT_EQ(model.eos_token, 5);
  EXPECT_FALSE(model.bos_token.has_value());
}

TEST(ConfigFile, RoundTrips) {
  for (const std::string norm : {"gpt2", "gpt1"}) {
    ConfigFile model;
    ModelConfig& c = model.model;
    c = tiny_config(norm);
    if (norm == "gpt2") {
      c.hidden = 17;
      c.activation = Activation::gelu_erf;
    }
    c.tied_head = false;
    c.norm_eps = 3e-5;
    c.embedding_dropout = 0.01;
    c.attention_dropout = 0.02;
    c.residual_dropout = 0.03;
    c.weight_std = 0.04;
    c.position_std = 0.05;
    c.scaled_residual = !c.scaled_residual;
    model.eos_token = 3;
    model.pad_token = 4;
    const std::string text = to_config_json(model).dump(2);
    const ConfigFile read = parse(text);
    EXPECT_EQ(to_config_json(read).dump(2), text);
    EXPECT_EQ(read.model.hidden, c.hidden);
    EXPECT_EQ(read.model.activation, c.activation);
    EXPECT_EQ(read.model.position_std, 0.05);
    EXPECT_EQ(read.model.attention_dropout, 0.02);
    EXPECT_EQ(read.model.scaled_residual, c.scaled_residual);
    EXPECT_EQ(read.model.tied_head, false);
    EXPECT_EQ(read.eos_token, 3);
    EXPECT_EQ(read.pad_token, 4);
    EXPECT_FALSE(read.bos_token.has_value());
  }
}

TEST(ConfigFile, RefusesWhatChangesResults) {
  const auto refuse = [](const std::string& members, const std::vector<std::string>& words) {
    expect_error(ErrorCode::unsupported, words, [&] { parse("{" + members + "}"); });
  };
  refuse(R"("model_type": "mamba")", {"'mamba'", "gpt2", "openai-gpt", "config.json"});
  refuse(R"("vocab_size": 5)", {"model_type", "gpt2"});
  refuse(R"("model_type": "gpt2", "add_cross_attention": true)", {"add_cross_attention"});
  refuse(R"("model_type": "gpt2", "activation_function": "mish")", {"'mish'", "gelu_new"});
  refuse(R"("model_type": "openai-gpt", "afn": "swish")", {"'swish'"});
  refuse(R"("model_type": "gpt2", "quantization_config": {"bits": 4})", {"quantization_config"});
  refuse(R"("model_type": "llama", "rope_scaling": {"rope_type": "llama3", "factor": 8.0})",
         {"rope_scaling", "'llama3'"});
  refuse(R"("model_type": "llama", "rope_scaling": {"type": "linear", "factor": 2.0})",
         {"rope_scaling", "'linear'"});
  refuse(R"("model_type": "llama", "rope_parameters": {"rope_type": "yarn"})", {"'yarn'"});
  refuse(R"("model_type": "llama", "partial_rotary_factor": 0.5)", {"partial_rotary_factor"});
  refuse(R"("model_type": "llama", "attention_bias": true)", {"attention_bias"});
  refuse(R"("model_type": "stemma_gpt3")", {"attention_patterns"});
  refuse(R"("model_type": "stemma_gpt3", "attention_patterns": [])", {"attention_patterns"});
  EXPECT_NO_THROW(parse(R"({"model_type": "gpt2", "reorder_and_upcast_attn": true})"));
}

// transformers writes 50256 for a vocabulary of any size.
TEST(ConfigFile, LeavesOutTokensThatTheVocabularyDoesNotHave) {
  const ConfigFile model = parse_config(
      Json::parse(R"({"model_type": "gpt2", "n_embd": 8, "n_head": 2, "vocab_size": 100,
                      "bos_token_id": 50256, "eos_token_id": 99})",
                  "config.json"),
      "config.json");
  EXPECT_FALSE(model.bos_token.has_value());
  EXPECT_EQ(model.eos_token, 99);
}

TEST(ConfigFile, RefusesImpossibleValues) {
  const auto refuse = [](const std::string& member, const std::string& word) {
    expect_error(ErrorCode::corrupt, {word, "config.json"},
                 [&] { parse("{\"model_type\": \"gpt2\", " + member + "}"); });
  };
  refuse(R"("n_layer": 0)", "layers");
  refuse(R"("n_layer": -1)", "layers");
  refuse(R"("n_embd": 9223372036854775807)", "channels");
  refuse(R"("n_embd": -9223372036854775807)", "channels");
  refuse(R"("n_head": 7)", "heads");
  refuse(R"("n_head": 0)", "heads");
  refuse(R"("n_inner": 0)", "hidden");
  refuse(R"("vocab_size": 1e300)", "");
  refuse(R"("vocab_size": "many")", "");
  refuse(R"("resid_pdrop": 1.5)", "");
  refuse(R"("activation_function": 3)", "");
  expect_error(ErrorCode::corrupt, {"config.json"}, [] { parse("[]"); });
}

TEST(ConfigFile, WritesOnlyWhatTheTypeCanSay) {
  ConfigFile model;
  model.model = tiny_config("gpt1");
  model.model.activation = Activation::gelu_erf;
  expect_error(ErrorCode::unsupported, {"openai-gpt", "tanh", "got gelu "},
               [&] { to_config_json(model); });
  model.model = tiny_config("gpt1");
  model.model.hidden = 25;
  expect_error(ErrorCode::unsupported, {"24", "25"}, [&] { to_config_json(model); });
}

TEST(ConfigFile, MutationsNeverCrash) {
  std::mt19937 random(2);
  int refused = 0;
  for (int i = 0; i < 3000; ++i) {
    std::string text(i % 2 ? kGpt2 : kGpt1);
    for (auto edits = 1 + random() % 3; edits > 0; --edits) {
      const std::size_t at = random() % text.size();
      if (random() % 2)
        text[at] = static_cast<char>("0-9,e\":{}[]tfn"[random() % 14]);
      else
        text.insert(at, std::string(1 + random() % 20, '9'));
    }
    try {
      parse(text);
    } catch (const Error& error) {
      ASSERT_TRUE(error.code() == ErrorCode::corrupt || error.code() == ErrorCode::unsupported)
          << error.what();
      ++refused;
    }
  }
  EXPECT_GT(refused, 1000);
}

}  // namespace
}  // namespace stemma::checkpoint
