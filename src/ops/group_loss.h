// The loss of a task's head from its logits: classes, several labels at once, a choice among
// candidates, or a number. Unlike cross_entropy(), whose logits would be too many to keep, the
// logits are at hand, so targets may be any distribution (label smoothing) and groups of any size.
#pragma once

#include "kernels/group_loss.h"
#include "ops/context.h"
#include "tensor/tensor.h"

namespace stemma::ops {

using kernels::GroupLoss;
using kernels::GroupTargets;

// scale · Σ over groups of weight[g] · loss of the group (kernels/group_loss.h). Differentiable in
// logits. A loss (ops/tape.h): the result is a root of backward().
//   logits [M, K] f32, in row-major groups;  returns [1] f64.
//
//   const Tensor loss = group_loss(ctx, logits, GroupLoss::softmax, targets, 1.0 / examples);
Tensor group_loss(Context& ctx, const Tensor& logits, GroupLoss kind, const GroupTargets& targets,
                  double scale);

}  // namespace stemma::ops
