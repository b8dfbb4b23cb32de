// Sums of two values, where no product is there to fuse them with (ops/linear.h).
#pragma once

#include <cstdint>
#include <span>

#include "ops/context.h"
#include "tensor/tensor.h"

namespace stemma::ops {

// x + y, both [N, C] f32. The memory of x is used again where nothing else needs it. Differentiable
// in both.
Tensor add(Context& ctx, const Tensor& x, const Tensor& y);

// x with row i of y added to its row rows[i]. Inference only.
//   x [N, C], y [M, C] f32;  rows [M] ascending.
Tensor add_rows(Context& ctx, const Tensor& x, const Tensor& y, std::span<const std::int32_t> rows);

}  // namespace stemma::ops
