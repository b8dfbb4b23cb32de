// How much a loss depends on each trained value, smoothed over the steps of a run: what AdaLoRA
// judges ranks by (Zhang et al. 2023, equations 8 to 10).
//
//   I = |value · gradient|                           what setting the value to 0 would cost
//   sensitivity  = beta1 · sensitivity + (1 - beta1) · I
//   uncertainty  = beta2 · uncertainty + (1 - beta2) · |I - sensitivity|   with the new sensitivity
#pragma once

#include "device/stream.h"
#include "tensor/tensor.h"

namespace stemma::kernels {

struct ImportanceSettings {
  double beta1 = 0.85, beta2 = 0.85;
  double gradient_scale = 1;  // clipping
};

// Arithmetic is in f32; each element stands by itself, so results do not depend on threads.
// All tensors [R, C] f32, contiguous. Throws invalid_argument for other shapes and types.
struct Importance {
  Tensor sensitivity, uncertainty;
};
void update_importance(Stream& stream, const ImportanceSettings& settings, const Tensor& value,
                       const Tensor& gradient, const Importance& importance);

}  // namespace stemma::kernels
