// The ranks that AdaLoRA left, as PEFT's files have them: tensors without the dropped ranks, and
// `rank_pattern`, which says which of the first ranks these are.
//
//   const KeptRanks kept{{"adapter.blocks.0.attention.qkv.q", {true, false, true}}};
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/json.h"
#include "checkpoint/safetensors_writer.h"
#include "models/config.h"

namespace stemma::checkpoint {

// By nn::LowRankSpec::name(): a flag for each rank.
using KeptRanks = std::map<std::string, std::vector<bool>>;

// Rows of `.a` and `.e`, columns of `.b`: those that are kept; other tensors as they are, a copy of
// none. Throws invalid_argument for flags that are not as many as there are ranks.
NamedTensor with_kept_ranks(const NamedTensor& item, const KeptRanks& kept);

// {"model.layers.0.self_attn.q_proj.lora_E": [true, false, true]}
Json rank_pattern(const ModelConfig& model, const KeptRanks& kept);

}  // namespace stemma::checkpoint
