// Element-wise kernels and sums: conversions, additions, activations, dropout.
//
// Rows may have a stride everywhere; y may be x where types are equal. Results do not depend on the
// thread count, the number of rows or the kernel path; denormals count as zero in arithmetic. Wrong
// shapes, types without a kernel and bad probabilities throw invalid_argument.
#pragma once

#include <cstdint>
#include <span>

#include "base/philox.h"
#include "device/stream.h"
#include "kernels/gradient_out.h"
#include "kernels/matmul.h"
#include "tensor/tensor.h"

namespace stemma::kernels {

// y = x converted to y's type (f32, bf16, f16, f64), same shape; rows may have a stride.
void convert(Stream& stream, const Tensor& x, const Tensor& y);

// Every element of y = value. y f32, bf16 or f64.
void fill(Stream& stream, const Tensor& y, double value);

// out (+)= x; f32 (f64), same shape.
void add(Stream& stream, const Tensor& x, const GradientOut& out);

// y = activation(x). x [N, C] f32 or bf16 (f64); y f32 or bf16 (f64).
//   gelu_tanh   0.5 x (1 + tanh(√(2/π) (x + 0.044715 x³)))  (Hendrycks and Gimpel 2016)
//   gelu_erf    0.5 x (1 + erf(x / √2))                     (the same paper)
//   relu        max(0, x); its slope at 0 is 0
//   silu        x σ(x), σ(x) = 1 / (1 + exp(-x))            (Hendrycks and Gimpel 2016; "swish")
//   quick_gelu  x σ(1.702 x)                                (the same paper; CLIP's GELU)
//   tanh        tanh(x)
void activation_forward(Stream& stream, Activation activation, const Tensor& x, const Tensor& y);
// dx = dy · activation'(x); dx may be dy. dy, dx f32 (f64).
void activation_backward(Stream& stream, Activation activation, const Tensor& x, const Tensor& dy,
                         const Tensor& dx);

// out[c] (+)= sum over rows of x[:, c], in fixed blocks of 256 rows, block sums added ascending.
// x [N, C] f32 (f64), out [C].
void sum_rows(Stream& stream, const Tensor& x, const GradientOut& out);

// out[0] = scale · (x[0] + x[1] + ...), one addition after the other, ascending. x [N], out [1],
// both f64: the value of a loss from the losses of its rows.
void sum_ascending(Stream& stream, const Tensor& x, double scale, const Tensor& out);

// Where the rows of a packed tensor stand, for counters: row i is (numbers[i], positions[i]).
struct DropoutSites {
  PhiloxKey key{};                          // seed and site
  std::uint32_t step = 0;                   // training step
  std::span<const std::int32_t> positions;  // [N]
  std::span<const std::int64_t> numbers;    // [B]
  std::span<const std::int64_t> offsets;    // [B+1]
};

// y[i, c] = (base[i, c] +) kept(i, c) ? x[i, c] / (1 - p) : 0, where kept = uniform(philox(key,
// {c / 4, position, number, step}))[c % 4] ≥ p. base may be empty; y may be x or base. f32 (f64).
// The backward pass is the same kernel on dy without a base.
void dropout(Stream& stream, const DropoutSites& sites, float p, const Tensor& x,
             const Tensor& base, const GradientOut& y);

// Sum of squares of all elements of x, in f64, over fixed blocks of 65,536 elements, ascending.
double sum_of_squares(Stream& stream, std::span<const float> x);

}  // namespace stemma::kernels
