// Softmax cross-entropy of rows of logits.
#pragma once

#include <cstdint>
#include <span>

#include "device/stream.h"
#include "tensor/tensor.h"

namespace stemma::kernels {

// losses[i] = log(sum_v exp(logits[i, v])) - logits[i, target], 0 where targets[i] < 0 (and the
// gradient row is 0). With `gradient_scale` ≠ 0, logits are overwritten with
// (softmax - onehot(target)) · gradient_scale. logits [N, V] f32 (f64), losses [N] f64.
// Throws invalid_argument for a target ≥ V.
void cross_entropy_rows(Stream& stream, const Tensor& logits, std::span<const std::int32_t> targets,
                        double gradient_scale, std::span<double> losses);

}  // namespace stemma::kernels
