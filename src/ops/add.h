// Sums of two values, where no product is there to fuse them with (ops/linear.h).
#pragma once

#include <cstdint>
#include <span>

#include "ops/context.h"
#include "tensor/tensor.h"

namespace stemma::ops {

// x + y, both [N, C] f32, in the memory of x where the tape does not need that: x must be a value
// that the caller needs no more. Differentiable in both.
Tensor add(Context& ctx, const Tensor& x, const Tensor& y);

// x with row i of y added to its row rows[i], in the memory of x. Inference only.
//   x [N, C], y [M, C] f32;  rows [M] ascending.
Tensor add_rows(Context& ctx, const Tensor& x, const Tensor& y, std::span<const std::int32_t> rows);

}  // namespace stemma::ops
