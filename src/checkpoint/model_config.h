// Hugging Face's config.json of `gpt2` and `openai-gpt`, both ways.
//
//   ModelConfig model = read_model_config("gpt2/config.json");
//   model.decoder.layers;                                   // 12
//   std::string text = to_config_json(model).dump(2);       // transformers opens it unchanged
//
// Absent keys have the values that transformers gives them. openai-gpt's `afn: "gelu"` means the
// tanh form (transformers' ACT_FNS). Keys that would change results and that nothing here computes
// (scale_attn_weights = false, scale_attn_by_inverse_layer_idx, add_cross_attention, quantised
// weights) are errors that name them.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string_view>

#include "base/json.h"
#include "models/decoder_config.h"

namespace stemma::checkpoint {

struct ModelConfig {
  DecoderConfig decoder;
  // Ids of special tokens, where the model has them.
  std::optional<std::int64_t> bos_token, eos_token, pad_token;
};

// `where` names the file in errors. Throws corrupt (a value of the wrong type or an impossible one)
// and unsupported (another model_type; a key as above). head_bias is not in a config.json: see
// load_config() in checkpoint_source.h.
ModelConfig parse_model_config(const Json& json, std::string_view where);

// Throws not_found, corrupt, unsupported.
ModelConfig read_model_config(const std::filesystem::path& file);

// Pre-norm is written as gpt2, post-norm as openai-gpt. Throws unsupported for what that type
// cannot say: post-norm with the erf GELU or with a hidden size other than 4 · channels.
Json to_config_json(const ModelConfig& model);

// The file that tells transformers' generate() the special tokens.
Json to_generation_config_json(const ModelConfig& model);

}  // namespace stemma::checkpoint
