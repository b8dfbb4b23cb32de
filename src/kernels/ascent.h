// One step of projected gradient ascent in an L2 ball, for each sequence of a packed batch alone:
// how adversarial training finds its perturbations (Madry et al. 2018, section 2.1, for L2).
//
//   kernels::ascend_in_ball(stream, batch.offsets, gradient, {.step = 0.3, .radius = 1}, delta);
#pragma once

#include <cstdint>
#include <span>

#include "device/stream.h"
#include "tensor/tensor.h"

namespace stemma::kernels {

// Both are L2 norms over all rows of a sequence.
struct BallStep {
  double step = 0;    // length of the step along the gradient
  double radius = 0;  // of the ball around zero that the result lies in
};

// Of each sequence s, the rows offsets[s] to offsets[s + 1]:
//   v = delta + step · gradient / ‖gradient‖;   delta = v · min(1, radius / ‖v‖)
// A sequence whose gradient is zero (nothing in it is learnt from) takes no step. Norms are summed
// in f64, one element after the other.
//   gradient, delta [N, C] f32 (f64);  offsets [B+1], from 0 to N, ascending
// Throws invalid_argument for other shapes and types.
void ascend_in_ball(Stream& stream, std::span<const std::int64_t> offsets, const Tensor& gradient,
                    const BallStep& ball, const Tensor& delta);

}  // namespace stemma::kernels
