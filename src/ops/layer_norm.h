// Layer normalisation of each row, with a learned gain and bias (Ba et al. 2016): the norm of the
// GPTs and of BERT.
#pragma once

#include "ops/context.h"
#include "tensor/tensor.h"

namespace stemma::ops {

// y = (x - mean) / sqrt(var + eps) · gain + bias over the last dimension. Differentiable in x,
// gain, bias.
//   x [N, C] f32;  gain, bias [C] f32;  returns [N, C] in the activation type of ctx.numerics(), or
//   of the residual stream where `stream` says so (post-norm, where the result is the stream).
Tensor layer_norm(Context& ctx, const Tensor& x, const Tensor& gain, const Tensor& bias, float eps,
                  bool stream = false);

}  // namespace stemma::ops
