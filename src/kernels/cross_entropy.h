// The loss of a classifier, such as the next token's: softmax cross-entropy of rows of logits, with
// its gradient written over the logits where one is wanted.
//
//   cross_entropy_rows(stream, logits, targets, scale, losses);  // logits now hold the gradient
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "device/stream.h"
#include "tensor/tensor.h"

namespace stemma::kernels {

// losses[i] = log(sum_v exp(logits[i, v])) - logits[i, targets[i]], 0 where targets[i] < 0 (and the
// gradient row is 0). With a `gradient_scale`, 0 included, logits are overwritten with
// (softmax - onehot(target)) · gradient_scale; without one they stay.
//   logits [N, V] f32 (f64);  targets [N];  losses [N] f64, contiguous.
// Throws invalid_argument for a target ≥ V.
void cross_entropy_rows(Stream& stream, const Tensor& logits, std::span<const std::int32_t> targets,
                        std::optional<double> gradient_scale, const Tensor& losses);

}  // namespace stemma::kernels
