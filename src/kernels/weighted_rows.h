// Sums of rows with weights, as a sparse matrix times a dense one: the mean of the states of a
// text, its first or last state, the sum of two texts' states.
//
//   // y[0] = (x[0] + x[1]) / 2,  y[1] = x[4]
//   add_weighted_rows(stream, {.to = {0, 0, 1}, .from = {0, 1, 4}, .weight = {.5, .5, 1}}, x, {y});
#pragma once

#include <cstdint>
#include <span>

#include "device/stream.h"
#include "kernels/gradient_out.h"
#include "tensor/tensor.h"

namespace stemma::kernels {

// The entries of the sparse matrix, term by term.
struct RowTerms {
  std::span<const std::int32_t> to, from;  // rows of y and of x
  std::span<const float> weight;
};

// y[to[j]] (+)= weight[j] · x[from[j]], ascending in j: the same sums for any thread count.
// Without `add` the rows that nothing is added to become 0. With `to` and `from` exchanged it is
// the backward pass of itself.
//   x [N, C] f32 or bf16, y [M, C] f32 (both f64).
// Throws invalid_argument for lists of different lengths and for rows out of range.
void add_weighted_rows(Stream& stream, const RowTerms& terms, const Tensor& x,
                       const GradientOut& y);

}  // namespace stemma::kernels
