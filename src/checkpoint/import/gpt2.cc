// GPT-2 in Hugging Face's layout (model_type gpt2).
#include "checkpoint/import/gpt_layout.h"

namespace stemma::checkpoint {
namespace {

void read_gpt2(const Json& json, std::string_view where, ConfigFile& config) {
  ModelConfig& c = config.model;
  c.scale_scores = json.get("scale_attn_weights", true);
  c.scale_scores_by_layer = json.get("scale_attn_by_inverse_layer_idx", false);
  c.vocab = 50257;
  c.context = 1024;
  read_gpt_config(json, true, c);
  c.hidden = json.get("n_inner", c.hidden);
  c.activation = activation_named(json.get("activation_function", "gelu_new"), where);
  const std::optional<std::int64_t> eot =
      c.vocab > 50256 ? std::optional<std::int64_t>(50256) : std::nullopt;
  config.bos_token = token_key(json, "bos_token_id", eot);
  config.eos_token = token_key(json, "eos_token_id", eot);
}

void write_gpt2(const ConfigFile& config, Json& json) {
  const ModelConfig& c = config.model;
  write_gpt_config(c, true, json);
  json.set("n_inner", c.hidden == 4 * c.channels ? Json() : Json(c.hidden));
  json.set("activation_function", activation_name(c.activation));
  json.set("scale_attn_weights", c.scale_scores);
  json.set("scale_attn_by_inverse_layer_idx", c.scale_scores_by_layer);
}

std::vector<FileTensor> gpt2_files(const nn::ParameterSpec& spec) {
  return gpt_files(spec, "wte.weight", "wpe.weight");
}

}  // namespace

extern const ImportRules kGpt2Rules;
const ImportRules kGpt2Rules = {
    .family = "gpt2",
    .model_types = {"gpt2"},
    .architecture = "GPT2LMHeadModel",
    .read_config = read_gpt2,
    .write_config = write_gpt2,
    .files = gpt2_files,
    .prefix = kGptPrefix,
    .classes = {"GPT2ForSequenceClassification", "score"},
    .tags = {"GPT2ForTokenClassification", "classifier", true, HeadInput::tokens},
    .is_buffer = is_gpt_buffer};

}  // namespace stemma::checkpoint
