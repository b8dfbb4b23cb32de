#include "ops/rotary.h"

#include "kernels/elementwise.h"
#include "ops/tape.h"

namespace stemma::ops {

Tensor rotate(Context& ctx, const Tensor& qkv, std::span<const std::int32_t> positions,
              const RotaryTable& table) {
  Tensor y = qkv;
  y.set_variable(0);
  if (ctx.tape() && !ctx.tape()->can_overwrite(qkv)) {
    y = ctx.empty(qkv.shape(), qkv.dtype());
    kernels::convert(ctx.stream(), qkv, y);
  }
  kernels::rotate(ctx.stream(), table, positions, y);
  ctx.observe("rotary", y);
  // The tape hands a gradient to one closure only, so it may be changed here and passed on.
  if (Tape* tape = ctx.recording(qkv))
    tape->record("rotate", y,
                 [positions, &table, to_qkv = InputRef(qkv)](Gradients& g, const Tensor& dy) {
                   kernels::rotate(g.stream(), table, positions, dy, kernels::Rotation::back);
                   g.pass(to_qkv, dy);
                 });
  return y;
}

}  // namespace stemma::ops
