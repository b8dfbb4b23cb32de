// The loss of predicting tokens, from hidden states: the output projection and the softmax
// cross-entropy in one operation, so that logits of all tokens never exist together.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "ops/context.h"
#include "tensor/tensor.h"
#include "tensor/weight.h"

namespace stemma::ops {

// loss = scale · Σ_i −log softmax(h[i] Wᵀ + bias)[targets[i]] over rows with targets[i] ≥ 0.
// Differentiable in h (through every storage of W), W and bias, in one pass: while the logits of a
// chunk of rows exist, their gradient is taken and dW, dbias accumulate, so [N, V] logits never
// exist and nothing is computed twice. `scale` is therefore known beforehand: 1 / tokens of the
// whole step, times the weight of this loss beside others; 0 gives gradients of 0.
//   h [N, C] f32|bf16;  W [V, C];  bias [V] f32 or empty;  targets [N];  returns [1] f64.
// A loss (ops/tape.h): the result is a root of backward(), and nothing computes with it. Several
// losses on the same h, W and bias give the sum of their gradients:
//   const Tensor text = cross_entropy(ctx, h, W, {}, next_tokens, 0.5 / tokens);
//   const Tensor task = cross_entropy(ctx, h, V, {}, tags, 1.0 / tokens);
//   tape.backward({text, task});
Tensor cross_entropy(Context& ctx, const Tensor& h, const Weight& W, const Tensor& bias,
                     std::span<const std::int32_t> targets, double scale);

// The same losses one by one, without gradients: −log softmax(...)[targets[i]], 0 for targets < 0.
std::vector<double> token_losses(Context& ctx, const Tensor& h, const Weight& W, const Tensor& bias,
                                 std::span<const std::int32_t> targets);

}  // namespace stemma::ops
