#include "ops/group_loss.h"

#include <algorithm>

#include "kernels/elementwise.h"
#include "ops/tape.h"

namespace stemma::ops {

Tensor group_loss(Context& ctx, const Tensor& logits, GroupLoss kind, const GroupTargets& targets,
                  double scale) {
  const auto groups = std::max<std::int64_t>(std::ssize(targets.offsets) - 1, 0);
  const Tensor losses = ctx.empty({groups, 1}, DType::f64);
  Tape* tape = ctx.recording(logits);
  const Tensor gradient = tape ? ctx.empty(logits.shape(), logits.dtype()) : Tensor{};
  kernels::group_loss_rows(ctx.stream(), kind, logits, targets, scale, losses, gradient);
  Tensor loss = ctx.empty({1}, DType::f64);
  kernels::sum_ascending(ctx.stream(), losses.reshape({groups}), scale, loss);
  ctx.observe("group_loss", loss);
  if (tape)
    tape->record_loss("group_loss", loss,
                      [kept = tape->keep(gradient), to_logits = InputRef(logits)](Gradients& g) {
                        if (to_logits) g.pass(to_logits, g.value(kept));
                      });
  return loss;
}

}  // namespace stemma::ops
