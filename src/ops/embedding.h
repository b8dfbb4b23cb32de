// Token and position embeddings.
#pragma once

#include "ops/context.h"
#include "tensor/batch.h"
#include "tensor/tensor.h"
#include "tensor/weight.h"

namespace stemma::ops {

// y[i] = tokens[batch.ids[i]] + positions[batch.positions[i]]. Differentiable in both tables.
//   tokens [V, C];  positions [T, C] f32|bf16|f16;  returns [N, C] in the residual stream's type.
// The batch must outlive the tape's backward pass. Throws invalid_argument for an id or a position
// out of range, unsupported on a tape where trainable tokens are stored in anything but rows of
// f32.
Tensor embedding(Context& ctx, const Batch& batch, const Weight& tokens, const Tensor& positions);

}  // namespace stemma::ops
