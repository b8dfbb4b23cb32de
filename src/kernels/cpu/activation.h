// The activations on plain arrays: the one place that computes them, for the element-wise kernels
// and for the epilogue of the matrix product alike, so both give the same bits.
#pragma once

#include <cstdint>

#include "kernels/matmul.h"

namespace stemma::kernels::cpu {

// y[i] = activation(x[i]); y may be x. A value depends on x[i] only: not on i, n or the kernel
// path. On the calling thread, nothing is allocated.
void activate(Activation activation, const float* x, float* y, std::int64_t n);
void activate(Activation activation, const double* x, double* y, std::int64_t n);

// dx[i] = dy[i] · activation'(x[i]); dx may be dy.
void activate_gradient(Activation activation, const float* x, const float* dy, float* dx,
                       std::int64_t n);
void activate_gradient(Activation activation, const double* x, const double* dy, double* dx,
                       std::int64_t n);

}  // namespace stemma::kernels::cpu
