// Token and position embeddings.
#pragma once

#include <cstdint>
#include <span>

#include "device/stream.h"
#include "kernels/gradient_out.h"
#include "tensor/tensor.h"
#include "tensor/weight.h"

namespace stemma::kernels {

// y[i] = tokens[ids[i]] + positions[places[i]];  y [N, C] f32 (f64). `tokens` in rows (f32, bf16,
// f64) or panels (f32, bf16); `positions` [T, C] f32 or bf16 (f64), may be empty: nothing is added.
// Throws invalid_argument where an id or a place is out of range, naming it.
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

}  // namespace stemma::kernels
