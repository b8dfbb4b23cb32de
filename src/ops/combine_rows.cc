#include "ops/combine_rows.h"

#include "ops/tape.h"

namespace stemma::ops {

Tensor combine_rows(Context& ctx, const Tensor& x, const RowTerms& terms, std::int64_t rows) {
  Tensor y = ctx.empty({rows, x.cols()}, ctx.numerics().stream);
  kernels::add_weighted_rows(ctx.stream(), terms, x, {y});
  ctx.observe("combine_rows", y);
  if (Tape* tape = ctx.recording(x)) {
    const RowTerms back{tape->keep_values(terms.from), tape->keep_values(terms.to),
                        tape->keep_values(terms.weight)};
    tape->record("combine_rows", y, [to_x = InputRef(x), back](Gradients& g, const Tensor& dy) {
      kernels::add_weighted_rows(g.stream(), back, dy, to_x.gradient(g));
    });
  }
  return y;
}

}  // namespace stemma::ops
