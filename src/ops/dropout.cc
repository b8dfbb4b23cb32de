#include "ops/dropout.h"

#include <fmt/format.h>

#include "base/error.h"
#include "kernels/elementwise.h"
#include "ops/check.h"
#include "ops/tape.h"

namespace stemma::ops {

Tensor dropout(Context& ctx, const Batch& batch, const Tensor& x, const Tensor& residual, float p,
               std::uint32_t site) {
  return dropout(ctx, {batch.positions, batch.numbers, batch.offsets}, x, residual, p, site);
}

Tensor dropout(Context& ctx, const DropoutRows& rows, const Tensor& x, const Tensor& residual,
               float p, std::uint32_t site) {
  if (p == 0 && !residual) return x;
  if (residual) check_shape("dropout", "residual", residual, x.shape());
  if (rows.numbers.size() + 1 != rows.offsets.size())
    throw Error(ErrorCode::invalid_argument,
                fmt::format("[dropout] the batch has {} sequences but {} sequence numbers",
                            std::ssize(rows.offsets) - 1, rows.numbers.size()));
  const kernels::DropoutSites sites{ctx.randomness().key(site), ctx.randomness().step,
                                    rows.positions, rows.numbers, rows.offsets};
  Tensor y = ctx.empty(x.shape(), x.dtype());
  kernels::dropout(ctx.stream(), sites, p, x, residual, {y, false});
  ctx.observe("dropout", y);
  if (Tape* tape = ctx.recording(x, residual))
    tape->record("dropout", y,
                 [sites, p, to_x = InputRef(x), to_residual = InputRef(residual)](
                     Gradients& g, const Tensor& dy) {
                   if (const auto dx = to_x.gradient(g))
                     kernels::dropout(g.stream(), sites, p, dy, {}, dx);
                   g.pass(to_residual, dy);
                 });
  return y;
}

}  // namespace stemma::ops
