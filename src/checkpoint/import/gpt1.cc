// GPT-1 in Hugging Face's layout (model_type openai-gpt). Its ln_1 follows the attention and its
// ln_2 the feed-forward, as our norm1 and norm2 do; there is no final norm.
#include <fmt/format.h>

#include "checkpoint/import/gpt_layout.h"
#include "checkpoint/safetensors.h"

namespace stemma::checkpoint {
namespace {

using kernels::Activation;

void read_gpt1(const Json& json, std::string_view where, ConfigFile& config) {
  ModelConfig& c = config.model;
  c.vocab = 40478;
  c.context = 512;
  read_gpt_config(json, false, c);
  const std::string afn = json.get("afn", "gelu");
  if (afn != "gelu" && afn != "gelu_new")
    refuse_config(where, fmt::format("afn {} is not supported; gelu (which is the tanh form in "
                                     "this model type) is",
                                     in_quotes(afn)));
  c.activation = Activation::gelu_tanh;
  config.bos_token = token_key(json, "bos_token_id", std::nullopt);
  config.eos_token = token_key(json, "eos_token_id", std::nullopt);
}

void write_gpt1(const ConfigFile& config, Json& json) {
  const ModelConfig& c = config.model;
  if (c.activation != Activation::gelu_tanh || c.hidden != 4 * c.channels)
    refuse_config("openai-gpt",
                  fmt::format("this model type knows only the tanh GELU and hidden = 4 · channels "
                              "= {}, got {} and {}",
                              4 * c.channels, activation_name(c.activation), c.hidden));
  write_gpt_config(c, false, json);
  json.set("afn", "gelu");
}

std::vector<FileTensor> gpt1_files(const nn::ParameterSpec& spec) {
  return gpt_files(spec, "tokens_embed.weight", "positions_embed.weight");
}

}  // namespace

extern const ImportRules kGpt1Rules;
const ImportRules kGpt1Rules = {.family = "gpt1",
                                .model_types = {"openai-gpt"},
                                .architecture = "OpenAIGPTLMHeadModel",
                                .read_config = read_gpt1,
                                .write_config = write_gpt1,
                                .files = gpt1_files,
                                .prefix = kGptPrefix,
                                .classes = {"OpenAIGPTForSequenceClassification", "score"},
                                .is_buffer = is_gpt_buffer};

}  // namespace stemma::checkpoint
