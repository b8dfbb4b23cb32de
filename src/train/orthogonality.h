// The term of AdaLoRA's loss that keeps the factors of its changes near orthogonal (Zhang et al.
// 2023, equation 4), as PEFT has it:
//
//   weight · mean over all A and B of ‖M - I‖_F,   M = A Aᵀ or Bᵀ B
//
// The norm is not squared, and dropped ranks count like the others.
#pragma once

#include "device/stream.h"
#include "tensor/tensor.h"

namespace stemma::train {

// ‖M - I‖_F of the rows of `factor` (A [r, in]) or of its columns (B [out, r]). Adds `scale` times
// its gradient to `gradient`: 2 (M - I) A / ‖M - I‖ and 2 B (M - I) / ‖M - I‖, 0 where the norm is
// 0.
double rows_apart(Stream& stream, const Tensor& factor, double scale, const Tensor& gradient);
double columns_apart(Stream& stream, const Tensor& factor, double scale, const Tensor& gradient);

}  // namespace stemma::train
