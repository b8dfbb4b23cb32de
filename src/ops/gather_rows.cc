#include "ops/gather_rows.h"

#include "kernels/embedding.h"
#include "ops/tape.h"

namespace stemma::ops {

Tensor gather_rows(Context& ctx, const Tensor& x, std::span<const std::int32_t> rows) {
  Tensor y = ctx.empty({static_cast<std::int64_t>(rows.size()), x.cols()}, x.dtype());
  kernels::gather_rows(ctx.stream(), x, rows, y);
  ctx.observe("gather_rows", y);
  if (Tape* tape = ctx.recording(x))
    tape->record(
        "gather_rows", y,
        [to_x = InputRef(x), rows = tape->keep_values(rows)](Gradients& g, const Tensor& dy) {
          kernels::scatter_rows(g.stream(), rows, dy, to_x.gradient(g));
        });
  return y;
}

}  // namespace stemma::ops
