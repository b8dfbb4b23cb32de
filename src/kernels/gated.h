// Gated activations, the middle of the feed-forward layers of Llama (SwiGLU) and T5 1.1 (GEGLU):
// one half of a product, activated, times the other half (Shazeer 2020, "GLU Variants Improve
// Transformer").
//   y[n, f] = act(x[n, f]) · x[n, F + f]
//
//   gated_forward(stream, Gate::silu, x, y);  // x [N, 2 F], y [N, F]
//
// A value depends on its two inputs only: not on the thread count, the number of rows or the kernel
// path. In f32 it has the bits of activation_forward (kernels/elementwise.h) times the other half.
#pragma once

#include <cstdint>

#include "device/stream.h"
#include "kernels/gradient_out.h"
#include "tensor/tensor.h"

namespace stemma::kernels {

// The activation of the first half; formulas in kernels/elementwise.h.
enum class Gate : std::uint8_t { silu, gelu_tanh, gelu_erf };

// x [N, 2 F] f32 or bf16 (f64); y [N, F] f32 or bf16 (f64). Computed in f32, rounded once.
void gated_forward(Stream& stream, Gate gate, const Tensor& x, const Tensor& y);

// dx[:, :F] (+)= dy · x[:, F:] · act'(x[:, :F]);  dx[:, F:] (+)= dy · act(x[:, :F]).
// x as above; dy [N, F], dx [N, 2 F] f32 (f64). An empty dx: nothing is done.
void gated_backward(Stream& stream, Gate gate, const Tensor& x, const Tensor& dy,
                    const GradientOut& dx);

}  // namespace stemma::kernels
