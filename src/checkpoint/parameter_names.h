// The one table of parameter names: ours, Hugging Face's, the shape, and which matrices lie
// transposed in a file (Conv1D stores [in, out]; ours are [out, in]).
//
//   for (const Parameter& p : parameters_of(config)) ...
//   // "blocks.0.attention.qkv.weight" ↔ "transformer.h.0.attn.c_attn.weight", [3C, C], conv1d
//
// In a post-norm model (GPT-1) norm1 follows the attention and norm2 the feed-forward, as ln_1 and
// ln_2 do there; there is no final norm.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "models/decoder_config.h"

namespace stemma::checkpoint {

struct Parameter {
  std::string name;      // "blocks.0.attention.qkv.weight"
  std::string hf_name;   // "transformer.h.0.attn.c_attn.weight"; files of the bare model lack the
                         // "transformer." (see without_prefix)
  std::int64_t out = 0;  // rows of a matrix [out, in], or the size of a vector
  std::int64_t in = 0;   // 0: a vector
  bool conv1d = false;   // the file has [in, out]

  // The shape in our memory, and in the file.
  std::vector<std::int64_t> shape() const;
  std::vector<std::int64_t> file_shape() const;
};

// Every parameter of a model, in the order in which a forward pass meets them. A tied head is not
// among them.
std::vector<Parameter> parameters_of(const DecoderConfig& config);

// "transformer.wte.weight" → "wte.weight".
std::string_view without_prefix(std::string_view hf_name);
// Constants that old files carry beside the parameters: causal masks and position numbers.
bool is_buffer(std::string_view hf_name);

inline constexpr std::string_view kHeadWeight = "lm_head.weight";
inline constexpr std::string_view kHeadBias = "lm_head.bias";

}  // namespace stemma::checkpoint
