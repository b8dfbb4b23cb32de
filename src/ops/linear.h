// The affine map, fused with what follows it.
#pragma once

#include "ops/context.h"
#include "tensor/tensor.h"
#include "tensor/weight.h"

namespace stemma::ops {

struct LinearOptions {
  kernels::Activation activation = kernels::Activation::none;
  Tensor residual;      // [N, out], added last; the result is then of its type
  bool stream = false;  // the result is of the residual stream's type even without a residual
};

// y = activation(x Wᵀ + bias) + residual. Differentiable in x, weight, bias, residual.
//   x [N, in] f32|bf16;  weight [out, in];  bias [out] f32, may be empty;
//   returns [N, out] in the activation type of ctx.numerics(), or as the options say.
// Backward to a weight that is not f32 rows throws unsupported.
Tensor linear(Context& ctx, const Tensor& x, const Weight& weight, const Tensor& bias,
              const LinearOptions& options = {});

}  // namespace stemma::ops
