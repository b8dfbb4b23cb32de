#include "ops/low_rank.h"

#include <numeric>
#include <vector>

#include "kernels/elementwise.h"
#include "kernels/matmul.h"
#include "kernels/scale_columns.h"
#include "kernels/weighted_rows.h"
#include "ops/check.h"
#include "ops/tape.h"

namespace stemma::ops {
namespace {

using kernels::MatmulArgs;

struct LowRankProduct {
  kernels::Operand a, b;
  std::int64_t k;
};

void multiply_into(Context& ctx, const LowRankProduct& product, double scale,
                   const kernels::GradientOut& out) {
  MatmulArgs args;
  set_output(args, out.tensor, out.add);
  args.k = product.k;
  args.a = product.a;
  args.b = product.b;
  args.scale = static_cast<float>(scale);
  args.multiply = ctx.numerics().multiply;
  kernels::matmul(ctx.stream(), args);
}

// y's own memory, or a copy where a closure or a caller keeps it.
Tensor writable(Context& ctx, const Tensor& y) {
  Tensor out = y;
  out.set_variable(0);
  if (ctx.tape() && !ctx.tape()->can_overwrite(y)) {
    out = ctx.empty(y.shape(), y.dtype());
    kernels::convert(ctx.stream(), y, out);
  }
  return out;
}

void add_to_rows(Context& ctx, const Tensor& u, const Weight& b, double scale,
                 const LowRankPlace& place, const Tensor& columns) {
  const Tensor added = ctx.empty({u.rows(), b.out()}, columns.dtype());
  multiply_into(ctx, {kernels::rows_of(u), kernels::transposed_of(b), b.in()}, scale, {added});
  std::vector<std::int32_t> from(place.rows.size());
  std::iota(from.begin(), from.end(), 0);
  const std::vector<float> ones(from.size(), 1.0f);
  kernels::add_weighted_rows(ctx.stream(), {place.rows, from, ones}, added, {columns, true});
}

}  // namespace

Tensor add_low_rank(Context& ctx, const Tensor& y, const Tensor& u, const Weight& b, double scale,
                    const LowRankPlace& place) {
  const bool chosen = !place.rows.empty();
  check_shape("low_rank", "u", u, {chosen ? std::ssize(place.rows) : y.rows(), b.in()});
  Tape* tape = ctx.recording(y, u, b.value());
  if (tape) check_trainable("low_rank", b);
  if (chosen) inference_only(ctx, "low_rank of chosen rows", u);
  Tensor out = writable(ctx, y);
  const Tensor columns = out.columns(place.first_column, place.first_column + b.out());
  if (chosen)
    add_to_rows(ctx, u, b, scale, place, columns);
  else
    multiply_into(ctx, {kernels::rows_of(u), kernels::transposed_of(b), b.in()}, scale,
                  {columns, true});
  ctx.observe("low_rank", out);
  if (!tape) return out;
  tape->record(
      "low_rank", out,
      [kept_u = tape->keep(b.value().variable() ? u : Tensor{}), b, scale,
       first = place.first_column, to_y = InputRef(y), to_u = InputRef(u),
       to_b = InputRef(b.value())](Gradients& g, const Tensor& dy) {
        const Tensor d = dy.columns(first, first + b.out());
        if (const auto du = to_u.gradient(g))
          multiply_into(g.ctx(), {kernels::rows_of(d), kernels::rows_of(b), b.out()}, scale, du);
        if (const auto db = to_b.gradient(g)) {
          const Tensor input = g.value(kept_u);
          multiply_into(g.ctx(), {kernels::transposed_of(d), kernels::rows_of(input), d.rows()},
                        scale, db);
        }
        g.pass(to_y, dy);
      });
  return out;
}

Tensor scale_columns(Context& ctx, const Tensor& u, const Tensor& e) {
  check_shape("scale_columns", "e", e, {u.cols(), 1});
  Tensor y = ctx.empty(u.shape(), u.dtype());
  kernels::scale_columns(ctx.stream(), u, e, {y});
  if (Tape* tape = ctx.recording(u, e))
    tape->record("scale_columns", y,
                 [kept_u = tape->keep(u), e, to_u = InputRef(u), to_e = InputRef(e)](
                     Gradients& g, const Tensor& dy) {
                   if (const auto du = to_u.gradient(g))
                     kernels::scale_columns(g.stream(), dy, e, du);
                   if (const auto de = to_e.gradient(g))
                     kernels::sum_of_products(g.stream(), dy, g.value(kept_u), de);
                 });
  return y;
}

}  // namespace stemma::ops
