// Which matrices of a model a low-rank adapter changes, and what PEFT calls them.
//
// A unit is one tensor of the family's files: q, k and v are three of them in the Llama layout and
// in BERT, and one (c_attn) in GPT-1 and GPT-2. So our adapters and PEFT's mean the same matrices.
//
//   for (const AdapterUnit& unit : adapter_units(config))
//     unit.module;   // "model.layers.0.self_attn.q_proj"
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "models/config.h"
#include "nn/adapter.h"

namespace stemma::checkpoint {

struct AdapterUnit {
  std::string linear;  // "blocks.0.attention.qkv"
  std::string part;    // "q"; empty: all of the matrix
  std::int64_t first_row = 0, rows = 0, in = 0;
  std::string module;       // of the class in transformers
  bool transposed = false;  // which keeps it as [in, out] (Conv1D)
};

// Every matrix of the blocks, in the order of the model.
std::vector<AdapterUnit> adapter_units(const ModelConfig& config);

// Whether a word of --targets means the unit: all, attention, feed_forward, the part (q), or the
// last word of the linear layer (qkv, out, up, gate_up, down).
bool is_target(const AdapterUnit& unit, const std::string& word);
// The units that the words mean; `auto`: q and v, or qkv where these are one matrix, as PEFT
// chooses. Throws invalid_argument for a word that means none, listing those that there are.
std::vector<AdapterUnit> units_named(const ModelConfig& config,
                                     const std::vector<std::string>& words);

struct LowRankOptions {
  std::int64_t rank = 8;
  double alpha = 16;
  bool rank_stabilised = false;  // divide by sqrt(rank) (Kalajdzievski 2023), not by rank
  double dropout = 0;
  bool adaptive = false;  // AdaLoRA: `rank` is the one that it begins with
};
nn::AdapterSpec low_rank_spec(const std::vector<AdapterUnit>& units, const LowRankOptions& options);
// Bottlenecks behind the attention and behind the feed-forward of each block (Houlsby et al. 2019,
// figure 2).
nn::AdapterSpec bottleneck_spec(const ModelConfig& config, std::int64_t width);
// A prefix or a prompt (`kind`) of that many virtual tokens. Throws invalid_argument where they
// leave no position for a token.
nn::AdapterSpec virtual_token_spec(const ModelConfig& config, nn::AdapterSpec::Kind kind,
                                   std::int64_t virtual_tokens);

// What PEFT multiplies the change by.
double low_rank_scale(double alpha, std::int64_t rank, bool rank_stabilised, bool adaptive);

}  // namespace stemma::checkpoint
