// Root mean square normalisation of each row, with a learned gain (Zhang and Sennrich 2019): the
// norm of the Llama layout.
#pragma once

#include "ops/context.h"
#include "tensor/tensor.h"

namespace stemma::ops {

// y = x / sqrt(mean(x²) + eps) · gain over the last dimension. Differentiable in x, gain.
//   x [N, C] f32;  gain [C] f32;  returns [N, C] in the activation type of ctx.numerics(), or of
//   the residual stream where `stream` says so.
// With Recompute::activations y is computed again in backward instead of being kept.
Tensor rms_norm(Context& ctx, const Tensor& x, const Tensor& gain, float eps, bool stream = false);

}  // namespace stemma::ops
