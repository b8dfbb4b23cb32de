// Root mean square normalisation over the last dimension (Zhang and Sennrich 2019, eq. 4): what
// Llama, Mistral and gpt-oss have in the place of layer normalisation.
//   y = x · rstd · gain,  rstd = 1 / sqrt(mean(x²) + eps)
//
//   rms_norm_forward(stream, x, gain, 1e-5f, y, rstd);
//
// Rows are reduced in a fixed order that depends on C only: results do not depend on the thread
// count, the number of rows or the kernel path.
#pragma once

#include "device/stream.h"
#include "kernels/gradient_out.h"
#include "tensor/tensor.h"

namespace stemma::kernels {

// x [N, C] f32 (f64); gain [C] in x's type; y [N, C] f32 or bf16 (f64); rstd [N] in x's type,
// optional.
void rms_norm_forward(Stream& stream, const Tensor& x, const Tensor& gain, float eps,
                      const Tensor& y, const Tensor& rstd);

// dy [N, C] f32 (f64). dx [N, C]; dgain [C]: sums over rows in fixed blocks of 256 rows, block sums
// added ascending. Each of the two may be empty.
struct RmsNormBackward {
  Tensor dy, x, gain, rstd;
  GradientOut dx, dgain;
};
void rms_norm_backward(Stream& stream, const RmsNormBackward& args);

}  // namespace stemma::kernels
