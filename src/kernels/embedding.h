// Looks rows of a table up by their index, and adds gradients back to them: token and position
// embeddings, and the rows of a tensor on which a head works.
//
//   embedding_forward(stream, batch.ids, batch.positions, tokens, positions, x);  // x [N, C]
#pragma once

#include <cstdint>
#include <limits>
#include <span>

#include "device/stream.h"
#include "kernels/gradient_out.h"
#include "tensor/tensor.h"
#include "tensor/weight.h"

namespace stemma::kernels {

// As an index of a lookup: no row, which counts as zeros and gets no gradient. For terms of a sum
// that only some rows have.
inline constexpr std::int32_t kNoRow = std::numeric_limits<std::int32_t>::min();

// y[i] = tokens[ids[i]] + positions[places[i]];  y [N, C] f32 (f64). `tokens` [V, C] in rows or
// panels of f32, bf16 or f16 (rows of f64); `positions` [T, C] f32, bf16 or f16 (f64), may be
// empty: nothing is added. Throws invalid_argument where an id or a place is out of range, naming
// it.
void embedding_forward(Stream& stream, std::span<const std::int32_t> ids,
                       std::span<const std::int32_t> places, const Weight& tokens,
                       const Tensor& positions, const Tensor& y);

// y[i] += table[index[i]]: a further term of the sum, added to what is there.
// y [N, C] f32 with table [S, C] f32 or bf16 (both f64). Throws invalid_argument where an index is
// out of range, naming it.
void embedding_add(Stream& stream, std::span<const std::int32_t> index, const Tensor& table,
                   const Tensor& y);

// table[index[i]] += dy[i] for all i, ascending in i: the same sums for any thread count.
// dy [N, C], table [V, C], both f32 (f64).
void embedding_backward(Stream& stream, std::span<const std::int32_t> index, const Tensor& dy,
                        const Tensor& table);

// y[i] = x[rows[i]]; rows may repeat. x [N, C], y [M, C] of one type, any.
// Throws invalid_argument where a row is out of range, naming it.
void gather_rows(Stream& stream, const Tensor& x, std::span<const std::int32_t> rows,
                 const Tensor& y);

// out[rows[i]] (+)= dy[i], ascending in i as embedding_backward() does; without `add` the rows that
// nothing is added to become 0. The backward pass of a lookup. dy [M, C], out [N, C], f32 (f64).
void scatter_rows(Stream& stream, std::span<const std::int32_t> rows, const Tensor& dy,
                  const GradientOut& out);

}  // namespace stemma::kernels
