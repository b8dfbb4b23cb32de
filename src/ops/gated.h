// The gate of a gated feed-forward (SwiGLU, GEGLU; Shazeer 2020): one half of the columns,
// activated, times the other half.
//
//   const Tensor both = ops::linear(ctx, x, gate_and_up, {});       // [N, 2 F]
//   const Tensor hidden = ops::gated(ctx, both, ops::Gate::silu);   // [N, F]
#pragma once

#include "kernels/gated.h"
#include "ops/context.h"
#include "tensor/tensor.h"

namespace stemma::ops {

using kernels::Gate;

// y = act(x[:, :F]) · x[:, F:]. Differentiable in x.
//   x [N, 2 F] f32|bf16;  returns [N, F] in the activation type of ctx.numerics().
// With Recompute::activations y is computed again in backward instead of being kept.
Tensor gated(Context& ctx, const Tensor& x, Gate gate);

}  // namespace stemma::ops
