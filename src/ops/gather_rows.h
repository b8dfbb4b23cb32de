// Takes some rows of a tensor, in any order: the states at the positions that a head needs.
#pragma once

#include <cstdint>
#include <span>

#include "ops/context.h"
#include "tensor/tensor.h"

namespace stemma::ops {

// y[i] = x[rows[i]]; rows may repeat and need no order. Differentiable in x: dx[rows[i]] += dy[i],
// ascending in i, the same sums for any number of threads.
//   x [N, C];  rows [M];  returns [M, C] in x's type.
// `rows` is copied where a tape records, so it may go away after the call. Throws invalid_argument
// for a row outside [0, N), naming it.
//   const Tensor last = gather_rows(ctx, h, last_rows);  // [B, C]: one state for each sequence
Tensor gather_rows(Context& ctx, const Tensor& x, std::span<const std::int32_t> rows);

}  // namespace stemma::ops
