// A linear layer as one operation: x Wᵀ + bias, with the activation and the residual that follow it
// computed inside the product.
//
//   const LinearOptions gelu{.activation = kernels::Activation::gelu_tanh};
//   const Tensor hidden = ops::linear(ctx, norm, up, up_bias, gelu);              // [N, F]
//   const Tensor y = ops::linear(ctx, hidden, down, down_bias, {.residual = x});  // [N, C]
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

// y = activation(x Wᵀ + bias) + residual. Differentiable in x, weight, bias, residual: in x through
// every storage of the weight, with the same bits as through rows of f32 that hold the same values.
//   x [N, in] f32|bf16;  weight [out, in];  bias [out] f32, may be empty;
//   returns [N, out] in the activation type of ctx.numerics(), or as the options say.
// Throws unsupported on a tape where a trainable weight is stored in anything but rows of f32:
// frozen weights (variable 0) may have any storage, and nothing is kept or computed for them.
Tensor linear(Context& ctx, const Tensor& x, const Weight& weight, const Tensor& bias,
              const LinearOptions& options = {});

}  // namespace stemma::ops
