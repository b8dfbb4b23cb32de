// A low-rank change of a linear layer, as an addend of its result (LoRA: Hu et al. 2021).
#pragma once

#include <cstdint>
#include <span>

#include "ops/context.h"
#include "tensor/tensor.h"
#include "tensor/weight.h"

namespace stemma::ops {

// Where in y the addend goes.
struct LowRankPlace {
  std::int64_t first_column = 0;
  // Rows of y, ascending, that row i of u belongs to; empty: row i itself. Inference only.
  std::span<const std::int32_t> rows = {};
};

// y with scale · u Bᵀ added to its columns [first, first + B.out()), in the memory of y where the
// tape does not need that: y must be a value that the caller needs no more. Differentiable in y, u
// and B.
//   y [N, out] f32;  u [M, r] f32, M = N or as many as place.rows;  B [columns, r].
// Throws invalid_argument for shapes that do not fit; unsupported for chosen rows on a tape.
Tensor add_low_rank(Context& ctx, const Tensor& y, const Tensor& u, const Weight& b, double scale,
                    const LowRankPlace& place);

// u with column j multiplied by e[j]: the middle factor of AdaLoRA's P Λ Q. Differentiable in both.
//   u [N, r] f32;  e [r, 1] f32;  returns [N, r] f32.
Tensor scale_columns(Context& ctx, const Tensor& u, const Tensor& e);

}  // namespace stemma::ops
