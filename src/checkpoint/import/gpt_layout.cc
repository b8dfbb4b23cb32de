#include "checkpoint/import/gpt_layout.h"

#include <fmt/format.h>

#include "checkpoint/safetensors.h"

namespace stemma::checkpoint {
namespace {

// As kScaledResidualKey: our own.
constexpr std::string_view kPositionStd = "position_initializer_range";

struct Name {
  std::string_view ours, theirs;
};
constexpr Name kBlockNames[] = {{"norm1.gain", "ln_1.weight"},
                                {"norm1.bias", "ln_1.bias"},
                                {"attention.qkv.weight", "attn.c_attn.weight"},
                                {"attention.qkv.bias", "attn.c_attn.bias"},
                                {"attention.out.weight", "attn.c_proj.weight"},
                                {"attention.out.bias", "attn.c_proj.bias"},
                                {"norm2.gain", "ln_2.weight"},
                                {"norm2.bias", "ln_2.bias"},
                                {"feed_forward.up.weight", "mlp.c_fc.weight"},
                                {"feed_forward.up.bias", "mlp.c_fc.bias"},
                                {"feed_forward.down.weight", "mlp.c_proj.weight"},
                                {"feed_forward.down.bias", "mlp.c_proj.bias"}};

// Conv1D keeps its matrix as [in, out].
std::vector<FileTensor> conv1d(const nn::ParameterSpec& spec, std::string name) {
  if (spec.role != nn::Role::matrix) return as_it_is(spec, std::move(name));
  return {{std::move(name), {spec.shape[1], spec.shape[0]}, true}};
}

}  // namespace

std::vector<FileTensor> gpt_files(const nn::ParameterSpec& spec, std::string_view tokens,
                                  std::string_view positions) {
  const std::string_view name = spec.name;
  if (name == "embedding.tokens") return as_it_is(spec, fmt::format("{}{}", kGptPrefix, tokens));
  if (name == "embedding.positions")
    return as_it_is(spec, fmt::format("{}{}", kGptPrefix, positions));
  if (name == "head.weight" || name == "head.bias")
    return as_it_is(spec, fmt::format("lm_{}", name));
  if (name == "final_norm.gain") return as_it_is(spec, fmt::format("{}ln_f.weight", kGptPrefix));
  if (name == "final_norm.bias") return as_it_is(spec, fmt::format("{}ln_f.bias", kGptPrefix));
  const auto [layer, part] = split_block_name(name);
  for (const Name& item : kBlockNames)
    if (item.ours == part)
      return conv1d(spec, fmt::format("{}h.{}.{}", kGptPrefix, layer, item.theirs));
  return {};
}

bool is_gpt_buffer(std::string_view name) {
  return name.ends_with(".attn.bias") || name.ends_with(".attn.masked_bias") ||
         name.ends_with("position_ids");
}

void read_gpt_config(const Json& json, bool scaled_residual, ModelConfig& c) {
  c.vocab = json.get("vocab_size", c.vocab);
  c.context =
      size_key(json, "n_positions", "max_position_embeddings", json.get("n_ctx", c.context));
  c.channels = size_key(json, "n_embd", "hidden_size", 768);
  c.heads = size_key(json, "n_head", "num_attention_heads", 12);
  c.layers = size_key(json, "n_layer", "num_hidden_layers", 12);
  if (c.channels > 0 && c.channels < (std::int64_t{1} << 40)) c.hidden = 4 * c.channels;
  c.norm_eps = json.get("layer_norm_epsilon", 1e-5);
  c.embedding_dropout = json.get("embd_pdrop", 0.1);
  c.attention_dropout = json.get("attn_pdrop", 0.1);
  c.residual_dropout = json.get("resid_pdrop", 0.1);
  c.weight_std = json.get("initializer_range", 0.02);
  c.position_std = json.get(kPositionStd, c.weight_std);
  c.scaled_residual = json.get(kScaledResidualKey, scaled_residual);
  c.tied_head = json.get("tie_word_embeddings", true);
}

void write_gpt_config(const ModelConfig& c, bool scaled_residual, Json& json) {
  json.set("n_positions", c.context);
  json.set("n_ctx", c.context);
  json.set("n_embd", c.channels);
  json.set("n_layer", c.layers);
  json.set("n_head", c.heads);
  json.set("layer_norm_epsilon", c.norm_eps);
  json.set("embd_pdrop", c.embedding_dropout);
  json.set("attn_pdrop", c.attention_dropout);
  json.set("resid_pdrop", c.residual_dropout);
  json.set("initializer_range", c.weight_std);
  if (c.position_std != c.weight_std) json.set(kPositionStd, c.position_std);
  if (c.scaled_residual != scaled_residual) json.set(kScaledResidualKey, c.scaled_residual);
}

}  // namespace stemma::checkpoint
