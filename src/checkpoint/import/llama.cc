// The Llama layout in Hugging Face folders (model_type llama): q, k and v, and gate and up, are
// tensors of their own there and rows of one matrix here.
#include <string>

#include <fmt/format.h>

#include "checkpoint/import_rules.h"
#include "checkpoint/safetensors.h"

namespace stemma::checkpoint {
namespace {

void refuse_unknown_rotary(const Json& json, std::string_view where) {
  for (const std::string_view key : {"rope_scaling", "rope_parameters"}) {
    const Json* scaling = json.find(key);
    if (!scaling || scaling->is_null()) continue;
    const std::string type = scaling->get("rope_type", scaling->get("type", "default").c_str());
    if (type != "default")
      refuse_config(where, fmt::format("{} of type {} is not supported; only models with plain "
                                       "rotary positions are",
                                       key, in_quotes(type)));
  }
  if (json.get("partial_rotary_factor", 1.0) != 1.0)
    refuse_config(where, "partial_rotary_factor: only rotation of whole heads is supported");
}

double rotary_base(const Json& json) {
  const Json* parameters = json.find("rope_parameters");
  if (parameters && parameters->is_object() && parameters->find("rope_theta"))
    return parameters->get("rope_theta", 10000.0);
  return json.get("rope_theta", 10000.0);
}

void read_llama(const Json& json, std::string_view where, ConfigFile& config) {
  require_usual(json, where, "attention_bias", false);
  require_usual(json, where, "mlp_bias", false);
  refuse_unknown_rotary(json, where);
  ModelConfig& c = config.model;
  c.vocab = json.get("vocab_size", std::int64_t{32000});
  c.context = json.get("max_position_embeddings", std::int64_t{2048});
  c.channels = json.get("hidden_size", std::int64_t{4096});
  c.hidden = json.get("intermediate_size", std::int64_t{11008});
  c.layers = json.get("num_hidden_layers", std::int64_t{32});
  c.heads = json.get("num_attention_heads", std::int64_t{32});
  const auto size = [&](std::string_view key) {
    const Json* value = json.find(key);
    return value && !value->is_null() ? value->as_int() : 0;
  };
  c.kv_heads = size("num_key_value_heads");
  c.head_width = size("head_dim");
  c.activation = activation_named(json.get("hidden_act", "silu"), where);
  c.norm_eps = json.get("rms_norm_eps", 1e-6);
  c.attention_dropout = json.get("attention_dropout", 0.0);
  c.weight_std = json.get("initializer_range", 0.02);
  c.scaled_residual = json.get(kScaledResidualKey, false);
  c.rotary_base = rotary_base(json);
  c.tied_head = json.get("tie_word_embeddings", false);
  config.bos_token = token_key(json, "bos_token_id", 1);
  config.eos_token = token_key(json, "eos_token_id", 2);
}

void write_llama(const ConfigFile& config, Json& json) {
  const ModelConfig& c = config.model;
  json.set("max_position_embeddings", c.context);
  json.set("hidden_size", c.channels);
  json.set("intermediate_size", c.hidden);
  json.set("num_hidden_layers", c.layers);
  json.set("num_attention_heads", c.heads);
  json.set("num_key_value_heads", c.groups());
  json.set("head_dim", c.head_size());
  json.set("hidden_act", activation_name(c.activation));
  json.set("rms_norm_eps", c.norm_eps);
  json.set("rope_theta", c.rotary_base);
  json.set("attention_bias", false);
  json.set("mlp_bias", false);
  json.set("attention_dropout", c.attention_dropout);
  json.set("initializer_range", c.weight_std);
  if (c.scaled_residual) json.set(kScaledResidualKey, true);
}

// GGUF keeps 1e-5 as an f32: the shortest decimal that is this f32, as people wrote it.
double shortest(double value) { return std::stod(fmt::format("{}", static_cast<float>(value))); }

struct LlamaName {
  std::string_view ours, theirs;
};
constexpr LlamaName kWhole[] = {{"norm1.gain", "input_layernorm.weight"},
                                {"norm2.gain", "post_attention_layernorm.weight"},
                                {"attention.out.weight", "self_attn.o_proj.weight"},
                                {"feed_forward.down.weight", "mlp.down_proj.weight"}};

// The parts of a fused matrix, "q" as `<place>q_proj.weight`.
std::vector<FileTensor> llama_parts(const nn::ParameterSpec& spec, const std::string& place) {
  std::vector<FileTensor> tensors;
  tensors.reserve(spec.parts.size());
  for (const nn::Part& part : spec.parts)
    tensors.push_back(
        {fmt::format("{}{}_proj.weight", place, part.name), {part.rows, spec.shape[1]}});
  return tensors;
}

std::vector<FileTensor> llama_files(const nn::ParameterSpec& spec) {
  const std::string_view name = spec.name;
  if (name == "embedding.tokens") return as_it_is(spec, "model.embed_tokens.weight");
  if (name == "final_norm.gain") return as_it_is(spec, "model.norm.weight");
  if (name == "head.weight" || name == "head.bias")
    return as_it_is(spec, fmt::format("lm_{}", name));
  const auto [layer, part] = split_block_name(name);
  const std::string block = fmt::format("model.layers.{}.", layer);
  if (part == "attention.qkv.weight") return llama_parts(spec, block + "self_attn.");
  if (part == "feed_forward.gate_up.weight") return llama_parts(spec, block + "mlp.");
  for (const LlamaName& item : kWhole)
    if (item.ours == part) return as_it_is(spec, fmt::format("{}{}", block, item.theirs));
  return {};
}

// ---- GGUF (llama.cpp's names; ggml-org/llama.cpp, gguf-py/gguf/constants.py) ----

void read_llama_gguf(const GgufReader& file, ConfigFile& config) {
  const GgufMetadata& m = file.metadata();
  const std::string where = file.path().string();
  if (const auto scaling = m.string("llama.rope.scaling.type", "none"); scaling != "none")
    refuse_config(where, fmt::format("llama.rope.scaling.type {} is not supported; only models "
                                     "with plain rotary positions are",
                                     in_quotes(scaling)));
  if (file.find("rope_freqs.weight"))
    refuse_config(where, "rope_freqs.weight: scaled rotary positions are not supported");
  if (m.integer("llama.expert_count", 0) > 0)
    refuse_config(where, "llama.expert_count: mixtures of experts are not supported");
  ModelConfig& c = config.model;
  c.context = m.integer("llama.context_length");
  c.channels = m.integer("llama.embedding_length");
  c.hidden = m.integer("llama.feed_forward_length");
  c.layers = m.integer("llama.block_count");
  c.heads = m.integer("llama.attention.head_count");
  c.kv_heads = m.integer("llama.attention.head_count_kv", c.heads);
  c.head_width = m.integer("llama.attention.key_length", 0);
  if (m.integer("llama.attention.value_length", c.head_width) != c.head_width)
    refuse_config(where, "values of another size than keys are not supported");
  c.norm_eps = shortest(m.floating("llama.attention.layer_norm_rms_epsilon"));
  c.rotary_base = shortest(m.floating("llama.rope.freq_base", 10000));
  c.activation = kernels::Activation::silu;
  c.scaled_residual = false;
  c.tied_head = file.find("output.weight") == nullptr;
  const GgufTensor& tokens = file.at("token_embd.weight");
  c.vocab = tokens.shape.rank() == 2 ? tokens.shape[0] : 0;
  if (const auto claimed = m.integer("llama.vocab_size", c.vocab); claimed != c.vocab)
    refuse_config(where, fmt::format("llama.vocab_size is {}, token_embd.weight has {} rows",
                                     claimed, c.vocab));
  const auto rotated = m.integer("llama.rope.dimension_count", c.heads > 0 ? c.head_size() : 0);
  if (c.heads > 0 && rotated != c.head_size())
    refuse_config(where, fmt::format("llama.rope.dimension_count {} is not the head size {}: "
                                     "rotation of a part of a head is not supported",
                                     rotated, c.head_size()));
}

constexpr LlamaName kGgufWhole[] = {{"norm1.gain", "attn_norm.weight"},
                                    {"norm2.gain", "ffn_norm.weight"},
                                    {"attention.out.weight", "attn_output.weight"},
                                    {"feed_forward.down.weight", "ffn_down.weight"}};

std::vector<FileTensor> llama_gguf_files(const nn::ParameterSpec& spec) {
  const std::string_view name = spec.name;
  if (name == "embedding.tokens") return as_it_is(spec, "token_embd.weight");
  if (name == "final_norm.gain") return as_it_is(spec, "output_norm.weight");
  if (name == "head.weight") return as_it_is(spec, "output.weight");
  const auto [layer, part] = split_block_name(name);
  const std::string block = fmt::format("blk.{}.", layer);
  for (const LlamaName& item : kGgufWhole)
    if (item.ours == part) return as_it_is(spec, fmt::format("{}{}", block, item.theirs));
  std::vector<FileTensor> tensors;
  for (const nn::Part& p : spec.parts) {
    const bool attention = part == "attention.qkv.weight";
    tensors.push_back({fmt::format("{}{}_{}.weight", block, attention ? "attn" : "ffn", p.name),
                       {p.rows, spec.shape[1]}});
    if (attention && p.name != "v") tensors.back().interleaved_heads = p.heads;
  }
  return tensors;
}

constexpr GgufRules kLlamaGguf = {
    .architecture = "llama", .read_config = read_llama_gguf, .files = llama_gguf_files};

bool is_llama_buffer(std::string_view name) { return name.ends_with("rotary_emb.inv_freq"); }

}  // namespace

extern const ImportRules kLlamaRules;
const ImportRules kLlamaRules = {
    .family = "llama",
    .model_types = {"llama"},
    .architecture = "LlamaForCausalLM",
    .read_config = read_llama,
    .write_config = write_llama,
    .files = llama_files,
    .prefix = "model.",
    .classes = {"LlamaForSequenceClassification", "score"},
    .tags = {"LlamaForTokenClassification", "score", true, HeadInput::tokens},
    .gguf = &kLlamaGguf,
    .is_buffer = is_llama_buffer};

}  // namespace stemma::checkpoint
