// Gives attention the positions of tokens: rotary position embedding (Su et al. 2021) of the query
// and key heads, in place on the product of queries, keys and values.
//
//   // Once for a model of 9 heads, 3 key-value heads and a context of 8,192:
//   const kernels::RotaryTable table({.head_size = 64, .rotated_heads = 9 + 3}, 8192);
//   const Tensor product = ops::linear(ctx, x, qkv, {});
//   const Tensor rotated = ops::rotate(ctx, product, batch.positions, table);
#pragma once

#include <cstdint>
#include <span>

#include "kernels/rotary.h"
#include "ops/context.h"
#include "tensor/tensor.h"

namespace stemma::ops {

using kernels::RotaryPairing;
using kernels::RotarySpec;
using kernels::RotaryTable;

// Rotates the first rotated_heads · D columns of each row by the angles of the row's position (the
// query and key heads); the columns behind them (values) stay as they are. Differentiable in qkv.
//   qkv [N, (H + 2G) · D] f32|bf16;  positions [N];  returns the same shape and type.
//
// The operation consumes its input: the result lies in the same memory, so that nothing may read
// `qkv` afterwards. It must be the output of an operation that does not keep its output for
// backward (a linear layer); of that output this must be the first and only reader. Where a tape
// holds the memory all the same, because it is a parameter, an input of the tape or kept by a
// recorded operation, the rotation works on a copy. Backward turns the gradient back, in place as
// well. `positions` and `table` must outlive the tape's backward pass.
Tensor rotate(Context& ctx, const Tensor& qkv, std::span<const std::int32_t> positions,
              const RotaryTable& table);

}  // namespace stemma::ops
