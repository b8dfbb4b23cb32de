// Dropout (Srivastava et al. 2014): in training, sets random elements to zero and scales the
// others. The mask is a function of counters (base/philox.h), so nothing is stored for the backward
// pass.
#pragma once

#include <cstdint>
#include <span>

#include "ops/context.h"
#include "tensor/batch.h"
#include "tensor/tensor.h"

namespace stemma::ops {

// y = residual + keep(x) / (1 - p), with a mask that is a function of (seed, step, site, sequence
// number, position, channel). Differentiable in x and residual; p = 0 without a residual returns x.
//   x [N, C] f32;  residual [N, C] f32 or empty;  returns [N, C] f32.
// The batch must outlive the tape's backward pass and carry its sequence numbers.
Tensor dropout(Context& ctx, const Batch& batch, const Tensor& x, const Tensor& residual, float p,
               std::uint32_t site);

// Where the rows of x stand: row i is position positions[i] of the sequence that numbers[b] names,
// with i in [offsets[b], offsets[b+1]). The lists must outlive the tape's backward pass.
struct DropoutRows {
  std::span<const std::int32_t> positions;
  std::span<const std::int64_t> numbers, offsets;
};
// The same for rows that are no tokens, such as the vectors of texts.
Tensor dropout(Context& ctx, const DropoutRows& rows, const Tensor& x, const Tensor& residual,
               float p, std::uint32_t site);

}  // namespace stemma::ops
