// One update of all parameters by AdamW, in a single pass over flat memory (Loshchilov and Hutter
// 2019, algorithm 2). The gradients are zero afterwards.
//   g' = g · gradient_scale;  m = m + (1-β1) (g' - m);  v = β2 v + (1-β2) g'²
//   w = w · (1 - lr · decay) - (lr / (1-β1^t)) · m / (sqrt(v) / sqrt(1-β2^t) + eps);  g = 0
//
// Arithmetic is in f32; the factors of a step are computed in f64 and rounded once. Steps differ
// from PyTorch's by at most 1e-6. Each element is updated by itself, so results do not depend on
// threads or on how parameters are laid out.
#pragma once

#include <cstdint>
#include <span>

#include "device/stream.h"

namespace stemma::kernels {

struct AdamWSettings {
  double lr = 0, beta1 = 0.9, beta2 = 0.999, eps = 1e-8, weight_decay = 0;
  std::int64_t step = 1;      // t, from 1
  double gradient_scale = 1;  // clipping
};

// All spans have one length.
void adamw(Stream& stream, const AdamWSettings& settings, std::span<float> weights,
           std::span<float> gradients, std::span<float> m, std::span<float> v);

}  // namespace stemma::kernels
