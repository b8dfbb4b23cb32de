// An activation by itself, and a change of type: where what stands before them is more than one
// product (ops/linear.h fuses them with one).
#pragma once

#include "kernels/matmul.h"
#include "ops/context.h"
#include "tensor/tensor.h"

namespace stemma::ops {

// activation(x) in the activation type, or in the residual stream's. Differentiable in x.
//   x [N, C] f32.
// Activation::none changes the type alone; x itself where that is its type already.
Tensor activate(Context& ctx, const Tensor& x, kernels::Activation activation, bool stream = false);

}  // namespace stemma::ops
