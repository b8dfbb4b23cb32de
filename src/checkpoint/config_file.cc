#include "checkpoint/config_file.h"

#include <fmt/format.h>

#include "base/error.h"
#include "base/file.h"
#include "checkpoint/import_rules.h"
#include "checkpoint/safetensors.h"
#include "checkpoint/task_heads.h"

namespace stemma::checkpoint {
namespace {

using kernels::Activation;

constexpr std::uint64_t kMaxConfigBytes = 16 << 20;

// transformers writes GPT-2's own ids (50256) for a vocabulary of any size: an id that no token has
// can not occur, and is left out.
void drop_impossible_tokens(ConfigFile& config) {
  for (std::optional<std::int64_t>* id : {&config.bos_token, &config.eos_token, &config.pad_token})
    if (*id && (**id < 0 || **id >= config.model.vocab)) id->reset();
  std::erase_if(config.more_eos_tokens,
                [&](std::int64_t id) { return id < 0 || id >= config.model.vocab; });
}

ConfigFile parse_unwrapped(const Json& json, std::string_view where) {
  if (!json.is_object()) throw Error(ErrorCode::corrupt, "must be a JSON object");
  const std::string type = json.get("model_type", "");
  const ImportRules* rules = find_rules(type);
  if (!rules)
    refuse_config(where,
                  fmt::format("{}; supported are {}",
                              type.empty() ? "there is no model_type"
                                           : "model_type " + in_quotes(type) + " is not supported",
                              known_model_types()));
  require_usual(json, where, "add_cross_attention", false);
  require_usual(json, where, "is_encoder_decoder", false);
  if (const Json* value = json.find("quantization_config"); value && !value->is_null())
    refuse_config(where,
                  "quantization_config: quantised weights are not supported; use the model in "
                  "F32, BF16 or F16");
  ConfigFile config;
  config.model.family = rules->family;
  rules->read_config(json, where, config);
  read_task_heads(json, *rules, config);
  config.pad_token = token_key(json, "pad_token_id", std::nullopt);
  if (const Json* eos = json.find("eos_token_id"); eos && eos->is_array())
    for (std::size_t i = 1; i < eos->as_array().size(); ++i)
      config.more_eos_tokens.push_back(eos->as_array()[i].as_int());
  config.model.validate();
  drop_impossible_tokens(config);
  return config;
}

Json token(const std::optional<std::int64_t>& id) { return id ? Json(*id) : Json(); }

// One id or, where there are more, a list.
Json eos_tokens(const ConfigFile& config) {
  if (!config.eos_token || config.more_eos_tokens.empty()) return token(config.eos_token);
  Json list = Json::array({*config.eos_token});
  for (const std::int64_t id : config.more_eos_tokens) list.push_back(id);
  return list;
}

struct ActivationName {
  std::string_view name;
  Activation activation;
};
// The first name of each is the one that is written.
constexpr ActivationName kActivations[] = {{"gelu_new", Activation::gelu_tanh},
                                           {"gelu_pytorch_tanh", Activation::gelu_tanh},
                                           {"gelu_fast", Activation::gelu_tanh},
                                           {"gelu", Activation::gelu_erf},
                                           {"gelu_python", Activation::gelu_erf},
                                           {"relu", Activation::relu},
                                           {"silu", Activation::silu},
                                           {"swish", Activation::silu},
                                           {"quick_gelu", Activation::quick_gelu}};

}  // namespace

ConfigFile parse_config(const Json& json, std::string_view where) {
  try {
    return parse_unwrapped(json, where);
  } catch (const Error& error) {
    if (error.code() == ErrorCode::unsupported) throw;
    // A value that a caller may not pass is, in a file, damage.
    throw Error(ErrorCode::corrupt, fmt::format("[config] {}: {}", where, error.what()));
  }
}

ConfigFile read_config_file(const std::filesystem::path& file) {
  const std::string text = read_file(file, kMaxConfigBytes);
  return parse_config(Json::parse(text, file.string()), file.string());
}

Json to_config_json(const ConfigFile& config, DType weights) {
  const ImportRules& rules = rules_of(config.model.family);
  Json json = Json::object({{"architectures", Json::array({rules.architecture})},
                            {"model_type", rules.model_types.front()},
                            {"vocab_size", config.model.vocab}});
  rules.write_config(config, json);
  write_task_heads(config, rules, json);
  json.set("tie_word_embeddings", config.model.tied_head);
  json.set("bos_token_id", token(config.bos_token));
  json.set("eos_token_id", eos_tokens(config));
  json.set("pad_token_id", token(config.pad_token));
  const char* type = weights == DType::bf16  ? "bfloat16"
                     : weights == DType::f16 ? "float16"
                                             : "float32";
  json.set("dtype", type);
  json.set("torch_dtype", type);  // what transformers before 4.56 reads
  return json;
}

Json to_generation_config_json(const ConfigFile& config) {
  Json json = Json::object({{"_from_model_config", true}});
  if (config.bos_token) json.set("bos_token_id", *config.bos_token);
  if (config.eos_token) json.set("eos_token_id", eos_tokens(config));
  if (config.pad_token) json.set("pad_token_id", *config.pad_token);
  return json;
}

void refuse_config(std::string_view where, const std::string& what) {
  throw Error(ErrorCode::unsupported, fmt::format("[config] {}: {}", where, what));
}

void require_usual(const Json& json, std::string_view where, std::string_view key, bool usual) {
  if (json.get(key, usual) == usual) return;
  refuse_config(where, fmt::format("{} = {} changes the results and is not supported; only {} is",
                                   key, !usual, usual));
}

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

Activation activation_named(const std::string& name, std::string_view where) {
  for (const ActivationName& item : kActivations)
    if (item.name == name) return item.activation;
  refuse_config(where, fmt::format("activation {} is not supported; gelu_new, gelu_pytorch_tanh "
                                   "(tanh form), gelu (erf form), relu, silu and quick_gelu are",
                                   in_quotes(name)));
}

std::string_view activation_name(Activation activation) {
  for (const ActivationName& item : kActivations)
    if (item.activation == activation) return item.name;
  throw Error(ErrorCode::internal, "[config] an activation without a name");
}

}  // namespace stemma::checkpoint
