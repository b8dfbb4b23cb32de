#include "ops/cross_entropy.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/error.h"
#include "kernels/cross_entropy.h"
#include "kernels/elementwise.h"
#include "kernels/matmul.h"
#include "ops/check.h"
#include "ops/tape.h"

namespace stemma::ops {
namespace {

using kernels::MatmulArgs;

constexpr std::int64_t kChunkRows = 512;

// Logits of one chunk of rows.
void project(Context& ctx, const Tensor& h, const Weight& W, const Tensor& bias,
             const Tensor& logits) {
  MatmulArgs args;
  args.m = h.rows();
  args.n = W.out();
  args.k = W.in();
  args.a = kernels::rows_of(h);
  args.b = kernels::transposed_of(W);
  args.c = logits.raw();
  args.c_dtype = logits.dtype();
  args.c_stride = logits.row_stride();
  args.bias = bias ? bias.raw() : nullptr;
  args.multiply = ctx.numerics().multiply;
  kernels::matmul(ctx.stream(), args);
}

struct Product {
  kernels::Operand a, b;
  std::int64_t k;
};

void accumulate(Context& ctx, const Product& product, const Tensor& c, bool add) {
  MatmulArgs args;
  args.m = c.rows();
  args.n = c.cols();
  args.k = product.k;
  args.a = product.a;
  args.b = product.b;
  args.c = c.raw();
  args.c_dtype = c.dtype();
  args.c_stride = c.row_stride();
  args.accumulate = add;
  args.multiply = ctx.numerics().multiply;
  kernels::matmul(ctx.stream(), args);
}

void check(const Tensor& h, const Weight& W, const Tensor& bias,
           std::span<const std::int32_t> targets) {
  check_shape("cross_entropy", "h", h, {h.rows(), W.in()});
  if (bias) check_shape("cross_entropy", "bias", bias, {W.out()});
  if (static_cast<std::int64_t>(targets.size()) != h.rows())
    throw Error(ErrorCode::invalid_argument,
                fmt::format("[cross_entropy] {} targets for {} rows", targets.size(), h.rows()));
}

// Calls f(begin, rows, logits of those rows) chunk by chunk.
template <class F>
void for_chunks(Context& ctx, const Tensor& h, const Weight& W, const Tensor& bias, const F& f) {
  const DType type = ctx.numerics().stream;
  const Tensor buffer = ctx.empty({std::min(kChunkRows, h.rows()), W.out()}, type);
  for (std::int64_t begin = 0; begin < h.rows(); begin += kChunkRows) {
    const std::int64_t end = std::min(begin + kChunkRows, h.rows());
    const Tensor logits = buffer.slice_rows(0, end - begin);
    project(ctx, h.slice_rows(begin, end), W, bias, logits);
    f(begin, end, logits);
  }
}

}  // namespace

Tensor cross_entropy(Context& ctx, const Tensor& h, const Weight& W, const Tensor& bias,
                     std::span<const std::int32_t> targets, double scale) {
  check(h, W, bias, targets);
  Tape* tape = ctx.recording(h, W.value(), bias);
  if (tape) check_trainable("cross_entropy", W);
  Tensor dh;
  kernels::GradientOut dw, db;
  if (tape) {
    Gradients g(*tape);
    dw = InputRef(W.value()).gradient(g);
    db = InputRef(bias).gradient(g);
    if (h.variable()) dh = ctx.empty(h.shape(), ctx.numerics().stream);
  }
  std::vector<double> losses(targets.size());
  for_chunks(ctx, h, W, bias, [&](std::int64_t begin, std::int64_t end, const Tensor& logits) {
    const auto rows = static_cast<std::size_t>(end - begin), at = static_cast<std::size_t>(begin);
    kernels::cross_entropy_rows(ctx.stream(), logits, targets.subspan(at, rows), tape ? scale : 0.0,
                                std::span(losses).subspan(at, rows));
    if (!tape) return;
    if (dh)
      accumulate(ctx, {kernels::rows_of(logits), kernels::rows_of(W), W.out()},
                 dh.slice_rows(begin, end), false);
    if (dw)
      accumulate(
          ctx,
          {kernels::transposed_of(logits), kernels::rows_of(h.slice_rows(begin, end)), end - begin},
          dw.tensor, dw.add || begin > 0);
    if (db) kernels::sum_rows(ctx.stream(), logits, {db.tensor, db.add || begin > 0});
  });

  Tensor loss = ctx.empty({1}, DType::f64);
  double sum = 0;
  for (double l : losses) sum += l;
  *loss.data<double>() = sum * scale;
  if (tape)
    tape->record("cross_entropy", loss,
                 [kept_dh = tape->keep(dh), to_h = h.variable()](Gradients& g, const Tensor&) {
                   if (to_h) g.pass(to_h, g.value(kept_dh));
                 });
  return loss;
}

std::vector<double> token_losses(Context& ctx, const Tensor& h, const Weight& W, const Tensor& bias,
                                 std::span<const std::int32_t> targets) {
  check(h, W, bias, targets);
  std::vector<double> losses(targets.size());
  for_chunks(ctx, h, W, bias, [&](std::int64_t begin, std::int64_t end, const Tensor& logits) {
    const auto rows = static_cast<std::size_t>(end - begin), at = static_cast<std::size_t>(begin);
    kernels::cross_entropy_rows(ctx.stream(), logits, targets.subspan(at, rows), 0.0,
                                std::span(losses).subspan(at, rows));
  });
  return losses;
}

}  // namespace stemma::ops
