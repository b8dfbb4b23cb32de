#include "ops/activate.h"

#include "kernels/elementwise.h"
#include "ops/tape.h"

namespace stemma::ops {

Tensor activate(Context& ctx, const Tensor& x, kernels::Activation activation, bool stream) {
  const DType type = stream ? ctx.numerics().stream : ctx.numerics().activations;
  const bool none = activation == kernels::Activation::none;
  if (none && x.dtype() == type) return x;
  Tensor y = ctx.empty(x.shape(), type);
  if (none)
    kernels::convert(ctx.stream(), x, y);
  else
    kernels::activation_forward(ctx.stream(), activation, x, y);
  ctx.observe("activation", y);
  Tape* tape = ctx.recording(x);
  if (!tape) return y;
  const Kept kept_x = none ? Kept{} : tape->keep(x);
  tape->record("activate", y,
               [kept_x, activation, to_x = InputRef(x)](Gradients& g, const Tensor& dy) {
                 // Gradients are f32 whatever the values are.
                 if (activation != kernels::Activation::none)
                   kernels::activation_backward(g.stream(), activation, g.value(kept_x), dy, dy);
                 g.pass(to_x, dy);
               });
  return y;
}

}  // namespace stemma::ops
