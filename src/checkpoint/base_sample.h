// A few weights of the model that an adapter was trained on, kept in the adapter's file, by which
// the adapter notices another base of the same shapes. Without it, an adapter beside the wrong base
// gives answers that are wrong and look right.
//
//   const std::string sample = sample_of_base(*base.source, base.config.model);
//   fits_base(sample, *other.source, other.config.model);  // false
//
// Two matrices are sampled, the first of the first block and the first of the last one. They are
// compared weight by weight, within twice what rounding to bf16 changes: a base in bf16 or f16 is
// the same base, and one that was fine-tuned, if only for a few steps, is another.
#pragma once

#include <string>
#include <string_view>

#include "models/config.h"
#include "nn/weight_source.h"

namespace stemma::checkpoint {

// The key in the metadata of adapter_model.safetensors.
inline constexpr const char* kBaseSample = "stemma_base";

// JSON: {"<parameter>": [64 values], ...}. Throws what loading the parameters throws.
std::string sample_of_base(nn::WeightSource& base, const ModelConfig& model);

// Throws corrupt for a text that is no sample of a model of this shape.
bool fits_base(std::string_view sample, nn::WeightSource& base, const ModelConfig& model);

}  // namespace stemma::checkpoint
