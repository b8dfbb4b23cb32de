// Weighted sums of rows: how the states of a text's tokens become one vector (first, last or mean
// state), and how the vectors of two orders of a pair become one.
#pragma once

#include <cstdint>

#include "kernels/weighted_rows.h"
#include "ops/context.h"
#include "tensor/tensor.h"

namespace stemma::ops {

using kernels::RowTerms;

// y[i] = Σ weight[j] · x[from[j]] over the terms j with to[j] = i, ascending in j. Differentiable
// in x.
//   x [N, C] f32|bf16;  returns [rows, C] in the residual stream's type.
// The lists may end with the call. Throws invalid_argument for rows out of range.
Tensor combine_rows(Context& ctx, const Tensor& x, const RowTerms& terms, std::int64_t rows);

}  // namespace stemma::ops
