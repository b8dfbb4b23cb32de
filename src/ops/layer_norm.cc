#include "ops/layer_norm.h"

#include "kernels/layer_norm.h"
#include "ops/check.h"
#include "ops/tape.h"

namespace stemma::ops {

Tensor layer_norm(Context& ctx, const Tensor& x, const Tensor& gain, const Tensor& bias, float eps,
                  bool stream) {
  check_shape("layer_norm", "gain", gain, {x.cols()});
  check_shape("layer_norm", "bias", bias, {x.cols()});
  Tensor y = ctx.empty(x.shape(), stream ? ctx.numerics().stream : ctx.numerics().activations);
  Tape* tape = ctx.recording(x, gain, bias);
  Tensor mean, rstd;
  if (tape) {
    mean = ctx.empty({x.rows()}, x.dtype());
    rstd = ctx.empty({x.rows()}, x.dtype());
  }
  kernels::layer_norm_forward(ctx.stream(), x, gain, bias, eps, y, mean, rstd);
  ctx.observe("layer_norm", y);
  if (!tape) return y;

  const Kept kept_x = tape->keep(x), kept_mean = tape->keep(mean), kept_rstd = tape->keep(rstd);
  tape->record("layer_norm", y,
               [kept_x, gain, kept_mean, kept_rstd, to_x = InputRef(x), to_gain = InputRef(gain),
                to_bias = InputRef(bias)](Gradients& g, const Tensor& dy) {
                 kernels::layer_norm_backward(
                     g.stream(), {dy, g.value(kept_x), gain, g.value(kept_mean), g.value(kept_rstd),
                                  to_x.gradient(g), to_gain.gradient(g), to_bias.gradient(g)});
               });
  tape->remake(y, [kept_x, gain, bias, eps, type = y.dtype()](Gradients& g) {
    const Tensor from = g.value(kept_x);
    Tensor again = g.ctx().empty(from.shape(), type);
    kernels::layer_norm_forward(g.stream(), from, gain, bias, eps, again, {}, {});
    return again;
  });
  return y;
}

}  // namespace stemma::ops
