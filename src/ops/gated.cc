#include "ops/gated.h"

#include <fmt/format.h>

#include "base/error.h"
#include "ops/tape.h"

namespace stemma::ops {

Tensor gated(Context& ctx, const Tensor& x, Gate gate) {
  if (!x || x.shape().rank() != 2 || x.cols() % 2 != 0)
    throw Error(ErrorCode::invalid_argument,
                fmt::format("[gated] x must be [N, 2 F], the gate's half before the other, got {}",
                            x ? x.shape().to_string() : "nothing"));
  Tensor y = ctx.empty({x.rows(), x.cols() / 2}, ctx.numerics().activations);
  kernels::gated_forward(ctx.stream(), gate, x, y);
  ctx.observe("gated", y);
  Tape* tape = ctx.recording(x);
  if (!tape) return y;

  const Kept kept_x = tape->keep(x);
  tape->record("gated", y, [kept_x, gate, to_x = InputRef(x)](Gradients& g, const Tensor& dy) {
    if (const auto dx = to_x.gradient(g))
      kernels::gated_backward(g.stream(), gate, g.value(kept_x), dy, dx);
  });
  tape->remake(y, [kept_x, gate, type = y.dtype()](Gradients& g) {
    const Tensor from = g.value(kept_x);
    Tensor again = g.ctx().empty({from.rows(), from.cols() / 2}, type);
    kernels::gated_forward(g.stream(), gate, from, again);
    return again;
  });
  return y;
}

}  // namespace stemma::ops
