// The loss of a small head, from its logits: classes, several labels at once, a choice among
// candidates, a number. Logits lie in groups, one group an example.
//
//   // Two examples of three classes; the gradient lands in `gradient`.
//   const GroupTargets targets{.offsets = {0, 3, 6}, .wanted = {0, 1, 0,  1, 0, 0}, .weight = {}};
//   group_loss_rows(stream, GroupLoss::softmax, logits, targets, scale, losses, gradient);
#pragma once

#include <cstdint>
#include <span>

#include "device/stream.h"
#include "tensor/tensor.h"

namespace stemma::kernels {

enum class GroupLoss : std::uint8_t {
  softmax,  // cross-entropy: −Σ wanted · log softmax over the group
  sigmoid,  // binary cross-entropy of each logit, summed: log(1 + exp z) − wanted · z
  squared   // Σ (z − wanted)²
};

struct GroupTargets {
  std::span<const std::int64_t> offsets;  // [groups + 1], over the logits in row-major order
  std::span<const float> wanted;          // one for each logit; softmax: a distribution
  std::span<const float> weight;          // [groups], or empty: all 1
};

// losses[g] = weight[g] · loss of the group; a tensor `gradient` (of the logits' shape and type)
// gets scale · d losses / d logits, an empty one is not written. All sums in f64.
//   logits [M, K] f32 (f64), contiguous;  losses [groups, 1] f64.
// Throws invalid_argument for offsets that do not cover the logits and lists of other lengths.
void group_loss_rows(Stream& stream, GroupLoss kind, const Tensor& logits,
                     const GroupTargets& targets, double scale, const Tensor& losses,
                     const Tensor& gradient);

}  // namespace stemma::kernels
