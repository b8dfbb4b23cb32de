// Factors of the columns of a narrow matrix: the singular values of a low-rank change.
#pragma once

#include "device/stream.h"
#include "kernels/gradient_out.h"
#include "tensor/tensor.h"

namespace stemma::kernels {

// out[i, j] (+)= x[i, j] · factors[j].  x, out [N, r] f32 (f64), factors [r, 1].
void scale_columns(Stream& stream, const Tensor& x, const Tensor& factors, const GradientOut& out);

// out[j] (+)= Σ_i a[i, j] · b[i, j], in fixed blocks of 256 rows, block sums added ascending.
// a, b [N, r] f32 (f64), out [r, 1].
void sum_of_products(Stream& stream, const Tensor& a, const Tensor& b, const GradientOut& out);

}  // namespace stemma::kernels
