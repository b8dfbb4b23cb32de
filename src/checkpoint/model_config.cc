#include "checkpoint/model_config.h"

#include <fmt/format.h>

#include "base/error.h"
#include "base/file.h"
#include "checkpoint/safetensors.h"

namespace stemma::checkpoint {
namespace {

using kernels::Activation;
using NormPlacement = DecoderConfig::NormPlacement;

constexpr std::uint64_t kMaxConfigBytes = 16 << 20;
// Our own keys, written only where the value is not what the model type implies. transformers keeps
// unknown keys and does not look at them.
constexpr std::string_view kPositionStd = "position_initializer_range";
constexpr std::string_view kScaledResidual = "scaled_residual_initializer";

[[noreturn]] void unsupported(std::string_view where, const std::string& what) {
  throw Error(ErrorCode::unsupported, fmt::format("[model_config] {}: {}", where, what));
}

// A size by its own name or by the name that transformers' attribute_map also accepts.
std::int64_t size_key(const Json& json, std::string_view key, std::string_view other,
                      std::int64_t fallback) {
  return json.get(key, json.get(other, fallback));
}

std::optional<std::int64_t> token_key(const Json& json, std::string_view key,
                                      std::optional<std::int64_t> fallback) {
  const Json* value = json.find(key);
  if (!value) return fallback;
  if (value->is_array() && !value->as_array().empty()) value = &value->as_array().front();
  if (value->is_null()) return std::nullopt;
  return value->as_int();
}

void refuse_unsupported(const Json& json, std::string_view where) {
  struct Rule {
    std::string_view key;
    bool usual;
  };
  constexpr Rule kRules[] = {{"scale_attn_weights", true},
                             {"scale_attn_by_inverse_layer_idx", false},
                             {"add_cross_attention", false},
                             {"is_encoder_decoder", false}};
  for (const Rule& rule : kRules)
    if (json.get(rule.key, rule.usual) != rule.usual)
      unsupported(where, fmt::format("{} = {} changes the results and is not supported; only {} is",
                                     rule.key, !rule.usual, rule.usual));
  if (const Json* value = json.find("quantization_config"); value && !value->is_null())
    unsupported(where,
                "quantization_config: quantised weights are not supported; use the model in "
                "F32, BF16 or F16");
}

Activation gpt2_activation(const std::string& name, std::string_view where) {
  if (name == "gelu_new" || name == "gelu_pytorch_tanh" || name == "gelu_fast")
    return Activation::gelu_tanh;
  if (name == "gelu" || name == "gelu_python") return Activation::gelu_erf;
  unsupported(where, fmt::format("activation_function {} is not supported; gelu_new, "
                                 "gelu_pytorch_tanh (tanh form) and gelu (erf form) are",
                                 in_quotes(name)));
}

// What both model types share. Defaults of the sizes are in `c` already.
void read_common(const Json& json, DecoderConfig& c) {
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
  c.scaled_residual = json.get(kScaledResidual, c.norm == NormPlacement::pre);
  c.tied_head = json.get("tie_word_embeddings", true);
}

ModelConfig parse_gpt2(const Json& json, std::string_view where) {
  ModelConfig model;
  DecoderConfig& c = model.decoder;
  c.norm = NormPlacement::pre;
  c.vocab = 50257;
  c.context = 1024;
  read_common(json, c);
  c.hidden = json.get("n_inner", c.hidden);
  c.activation = gpt2_activation(json.get("activation_function", "gelu_new"), where);
  const std::optional<std::int64_t> eot =
      c.vocab > 50256 ? std::optional<std::int64_t>(50256) : std::nullopt;
  model.bos_token = token_key(json, "bos_token_id", eot);
  model.eos_token = token_key(json, "eos_token_id", eot);
  return model;
}

ModelConfig parse_openai_gpt(const Json& json, std::string_view where) {
  ModelConfig model;
  DecoderConfig& c = model.decoder;
  c.norm = NormPlacement::post;
  c.vocab = 40478;
  c.context = 512;
  read_common(json, c);
  const std::string afn = json.get("afn", "gelu");
  if (afn != "gelu" && afn != "gelu_new")
    unsupported(where, fmt::format("afn {} is not supported; gelu (which is the tanh form in this "
                                   "model type) is",
                                   in_quotes(afn)));
  c.activation = Activation::gelu_tanh;
  model.bos_token = token_key(json, "bos_token_id", std::nullopt);
  model.eos_token = token_key(json, "eos_token_id", std::nullopt);
  return model;
}

// transformers writes GPT-2's own ids (50256) for a vocabulary of any size: an id that no token has
// can not occur, and is left out.
void drop_impossible_tokens(ModelConfig& model) {
  for (std::optional<std::int64_t>* id : {&model.bos_token, &model.eos_token, &model.pad_token})
    if (*id && (**id < 0 || **id >= model.decoder.vocab)) id->reset();
}

ModelConfig parse_unwrapped(const Json& json, std::string_view where) {
  if (!json.is_object()) throw Error(ErrorCode::corrupt, "must be a JSON object");
  const std::string type = json.get("model_type", "");
  if (type != "gpt2" && type != "openai-gpt")
    unsupported(where,
                fmt::format("{}; supported are 'gpt2' and 'openai-gpt'",
                            type.empty() ? "there is no model_type"
                                         : "model_type " + in_quotes(type) + " is not supported"));
  refuse_unsupported(json, where);
  ModelConfig model = type == "gpt2" ? parse_gpt2(json, where) : parse_openai_gpt(json, where);
  model.pad_token = token_key(json, "pad_token_id", std::nullopt);
  model.decoder.validate();
  drop_impossible_tokens(model);
  return model;
}

Json token(const std::optional<std::int64_t>& id) { return id ? Json(*id) : Json(); }

}  // namespace

ModelConfig parse_model_config(const Json& json, std::string_view where) {
  try {
    return parse_unwrapped(json, where);
  } catch (const Error& error) {
    if (error.code() == ErrorCode::unsupported) throw;
    // A value that a caller may not pass is, in a file, damage.
    throw Error(ErrorCode::corrupt, fmt::format("[model_config] {}: {}", where, error.what()));
  }
}

ModelConfig read_model_config(const std::filesystem::path& file) {
  const std::string text = read_file(file, kMaxConfigBytes);
  return parse_model_config(Json::parse(text, file.string()), file.string());
}

Json to_config_json(const ModelConfig& model) {
  const DecoderConfig& c = model.decoder;
  const bool gpt2 = c.norm == NormPlacement::pre;
  const bool tanh = c.activation == Activation::gelu_tanh;
  if (!gpt2 && (!tanh || c.hidden != 4 * c.channels))
    throw Error(
        ErrorCode::unsupported,
        fmt::format("[model_config] a post-norm model is written as openai-gpt, which knows "
                    "only the tanh GELU and hidden = 4 · channels = {}, got {} and {}",
                    4 * c.channels, tanh ? "tanh" : "erf", c.hidden));
  Json json = Json::object(
      {{"architectures", Json::array({gpt2 ? "GPT2LMHeadModel" : "OpenAIGPTLMHeadModel"})},
       {"model_type", gpt2 ? "gpt2" : "openai-gpt"},
       {"vocab_size", c.vocab},
       {"n_positions", c.context},
       {"n_ctx", c.context},
       {"n_embd", c.channels},
       {"n_layer", c.layers},
       {"n_head", c.heads}});
  if (gpt2) {
    json.set("n_inner", c.hidden == 4 * c.channels ? Json() : Json(c.hidden));
    json.set("activation_function", tanh ? "gelu_new" : "gelu");
    json.set("scale_attn_weights", true);
  } else {
    json.set("afn", "gelu");
  }
  json.set("layer_norm_epsilon", c.norm_eps);
  json.set("embd_pdrop", c.embedding_dropout);
  json.set("attn_pdrop", c.attention_dropout);
  json.set("resid_pdrop", c.residual_dropout);
  json.set("initializer_range", c.weight_std);
  if (c.position_std != c.weight_std) json.set(kPositionStd, c.position_std);
  if (c.scaled_residual != gpt2) json.set(kScaledResidual, c.scaled_residual);
  json.set("tie_word_embeddings", c.tied_head);
  json.set("bos_token_id", token(model.bos_token));
  json.set("eos_token_id", token(model.eos_token));
  json.set("pad_token_id", token(model.pad_token));
  json.set("dtype", "float32");
  json.set("torch_dtype", "float32");  // what transformers before 4.56 reads
  return json;
}

Json to_generation_config_json(const ModelConfig& model) {
  Json json = Json::object({{"_from_model_config", true}});
  if (model.bos_token) json.set("bos_token_id", *model.bos_token);
  if (model.eos_token) json.set("eos_token_id", *model.eos_token);
  if (model.pad_token) json.set("pad_token_id", *model.pad_token);
  return json;
}

}  // namespace stemma::checkpoint
