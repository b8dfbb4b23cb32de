#include "ops/rms_norm.h"

#include "kernels/rms_norm.h"
#include "ops/check.h"
#include "ops/tape.h"

namespace stemma::ops {

Tensor rms_norm(Context& ctx, const Tensor& x, const Tensor& gain, float eps, bool stream) {
  check_shape("rms_norm", "gain", gain, {x.cols()});
  Tensor y = ctx.empty(x.shape(), stream ? ctx.numerics().stream : ctx.numerics().activations);
  Tape* tape = ctx.recording(x, gain);
  const Tensor rstd = tape ? ctx.empty({x.rows()}, x.dtype()) : Tensor{};
  kernels::rms_norm_forward(ctx.stream(), x, gain, eps, y, rstd);
  ctx.observe("rms_norm", y);
  if (!tape) return y;

  const Kept kept_x = tape->keep(x), kept_rstd = tape->keep(rstd);
  tape->record("rms_norm", y,
               [kept_x, gain, kept_rstd, to_x = InputRef(x), to_gain = InputRef(gain)](
                   Gradients& g, const Tensor& dy) {
                 kernels::rms_norm_backward(
                     g.stream(), {dy, g.value(kept_x), gain, g.value(kept_rstd), to_x.gradient(g),
                                  to_gain.gradient(g)});
               });
  tape->remake(y, [kept_x, gain, eps, type = y.dtype()](Gradients& g) {
    const Tensor from = g.value(kept_x);
    Tensor again = g.ctx().empty(from.shape(), type);
    kernels::rms_norm_forward(g.stream(), from, gain, eps, again, {});
    return again;
  });
  return y;
}

}  // namespace stemma::ops
