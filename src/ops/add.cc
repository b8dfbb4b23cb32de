#include "ops/add.h"

#include <numeric>
#include <vector>

#include "kernels/elementwise.h"
#include "kernels/weighted_rows.h"
#include "ops/check.h"
#include "ops/tape.h"

namespace stemma::ops {
namespace {

Tensor sum_place(Context& ctx, const Tensor& x) {
  Tensor out = x;
  out.set_variable(0);
  if (ctx.tape() && !ctx.tape()->can_overwrite(x)) {
    out = ctx.empty(x.shape(), x.dtype());
    kernels::convert(ctx.stream(), x, out);
  }
  return out;
}

}  // namespace

Tensor add(Context& ctx, const Tensor& x, const Tensor& y) {
  check_shape("add", "y", y, x.shape());
  Tape* tape = ctx.recording(x, y);
  Tensor out = sum_place(ctx, x);
  kernels::add(ctx.stream(), y, {out, true});
  ctx.observe("residual", out);
  if (tape)
    tape->record("add", out,
                 [to_x = InputRef(x), to_y = InputRef(y)](Gradients& g, const Tensor& dy) {
                   if (const auto d = to_y.gradient(g)) kernels::add(g.stream(), dy, d);
                   g.pass(to_x, dy);
                 });
  return out;
}

Tensor add_rows(Context& ctx, const Tensor& x, const Tensor& y,
                std::span<const std::int32_t> rows) {
  inference_only(ctx, "add_rows", x);
  Tensor out = sum_place(ctx, x);
  std::vector<std::int32_t> from(rows.size());
  std::iota(from.begin(), from.end(), 0);
  const std::vector<float> ones(rows.size(), 1.0f);
  kernels::add_weighted_rows(ctx.stream(), {rows, from, ones}, y, {out, true});
  return out;
}

}  // namespace stemma::ops
