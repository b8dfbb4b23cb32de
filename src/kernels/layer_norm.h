// Layer normalisation over the last dimension, forward and backward (Ba et al. 2016, eq. 3-4).
//   y = (x - mean) · rstd · gain + bias,  rstd = 1 / sqrt(var + eps),  var = mean((x - mean)²)
//
//   layer_norm_forward(stream, x, gain, bias, 1e-5f, y, mean, rstd);
//
// The sums of a row are taken in a fixed order that depends on C and the kernel path only, so
// results do not depend on the thread count or on other rows.
#pragma once

#include <cstdint>

#include "device/stream.h"
#include "kernels/gradient_out.h"
#include "tensor/tensor.h"

namespace stemma::kernels {

// x [N, C] f32 (f64); gain, bias [C] in x's type; y [N, C] f32 or bf16 (f64);
// mean, rstd [N] in x's type, optional.
void layer_norm_forward(Stream& stream, const Tensor& x, const Tensor& gain, const Tensor& bias,
                        float eps, const Tensor& y, const Tensor& mean, const Tensor& rstd);

// dy [N, C] f32 (f64). dx [N, C]; dgain, dbias [C]: sums over rows in fixed blocks of 256 rows,
// block sums added ascending. Each of the three may be empty.
struct LayerNormBackward {
  Tensor dy, x, gain, mean, rstd;
  GradientOut dx, dgain, dbias;
};
void layer_norm_backward(Stream& stream, const LayerNormBackward& args);

}  // namespace stemma::kernels
