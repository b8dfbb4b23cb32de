#include "ops/cross_entropy.h"

#include <algorithm>
#include <optional>

#include <fmt/format.h>

#include "base/error.h"
#include "kernels/cross_entropy.h"
#include "kernels/elementwise.h"
#include "kernels/host.h"
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
  set_output(args, logits);
  args.k = W.in();
  args.a = kernels::rows_of(h);
  args.b = kernels::transposed_of(W);
  set_bias(args, bias);
  args.multiply = ctx.numerics().multiply;
  kernels::matmul(ctx.stream(), args);
}

struct Product {
  kernels::Operand a, b;
  std::int64_t k;
};

void accumulate(Context& ctx, const Product& product, const Tensor& c, bool add) {
  MatmulArgs args;
  set_output(args, c, add);
  args.k = product.k;
  args.a = product.a;
  args.b = product.b;
  args.multiply = ctx.numerics().multiply;
  kernels::matmul(ctx.stream(), args);
}

void check(const Tensor& h, const Weight& W, const Tensor& bias,
           std::span<const std::int32_t> targets) {
  check_shape("cross_entropy", "h", h, {h.rows(), W.in()});
  if (bias) check_shape("cross_entropy", "bias", bias, {W.out()});
  if (static_cast<std::int64_t>(targets.size()) != h.rows())
    throw Error(
        ErrorCode::invalid_argument,
        fmt::format("[cross_entropy] every row of h needs a target: got {} targets for {} rows",
                    targets.size(), h.rows()));
}

// Some rows of h, of the targets and of the losses.
struct ChunkRows {
  std::int64_t begin = 0, end = 0;
  Tensor of(const Tensor& matrix) const { return matrix.slice_rows(begin, end); }
  std::span<const std::int32_t> of(std::span<const std::int32_t> list) const {
    return list.subspan(static_cast<std::size_t>(begin), static_cast<std::size_t>(end - begin));
  }
};

// The losses of the rows, [N, 1] f64.
Tensor losses_of(Context& ctx, const Tensor& h) { return ctx.empty({h.rows(), 1}, DType::f64); }

// Calls f(range of rows, their logits) chunk by chunk.
template <class F>
void for_chunks(Context& ctx, const Tensor& h, const Weight& W, const Tensor& bias, const F& f) {
  const DType type = ctx.numerics().stream;
  const Tensor buffer = ctx.empty({std::min(kChunkRows, h.rows()), W.out()}, type);
  for (std::int64_t begin = 0; begin < h.rows(); begin += kChunkRows) {
    const ChunkRows rows{begin, std::min(begin + kChunkRows, h.rows())};
    const Tensor logits = buffer.slice_rows(0, rows.end - rows.begin);
    project(ctx, rows.of(h), W, bias, logits);
    f(rows, logits);
  }
}

// Where the gradients of the head go while the logits of a chunk exist.
struct HeadGradients {
  Tensor dh;
  kernels::GradientOut dw, db;
};

HeadGradients gradients_of(Context& ctx, Tape& tape, const Tensor& h, const Weight& W,
                           const Tensor& bias) {
  Gradients g(tape);
  HeadGradients to{{}, InputRef(W.value()).gradient(g), InputRef(bias).gradient(g)};
  if (h.variable()) to.dh = ctx.empty(h.shape(), ctx.numerics().stream);
  if (h.rows() > 0) return to;
  // No chunk will set them.
  for (const kernels::GradientOut* out : {&to.dw, &to.db})
    if (*out && !out->add) kernels::fill(ctx.stream(), out->tensor, 0);
  return to;
}

// `d`: the gradient of the chunk's logits. dh = d W, dW += dᵀ h, dbias += sum of d's rows.
void accumulate_chunk(Context& ctx, ChunkRows rows, const Tensor& d, const Tensor& h,
                      const Weight& W, const HeadGradients& to) {
  if (to.dh)
    accumulate(ctx, {kernels::rows_of(d), kernels::rows_of(W), W.out()}, rows.of(to.dh), false);
  const bool later = rows.begin > 0;
  if (to.dw)
    accumulate(ctx, {kernels::transposed_of(d), kernels::rows_of(rows.of(h)), d.rows()},
               to.dw.tensor, to.dw.add || later);
  if (to.db) kernels::sum_rows(ctx.stream(), d, {to.db.tensor, to.db.add || later});
}

}  // namespace

Tensor cross_entropy(Context& ctx, const Tensor& h, const Weight& W, const Tensor& bias,
                     std::span<const std::int32_t> targets, double scale) {
  check(h, W, bias, targets);
  Tape* tape = ctx.recording(h, W.value(), bias);
  if (tape) check_trainable("cross_entropy", W);
  const Tensor losses = losses_of(ctx, h);
  const HeadGradients to = tape ? gradients_of(ctx, *tape, h, W, bias) : HeadGradients{};
  for_chunks(ctx, h, W, bias, [&](ChunkRows rows, const Tensor& logits) {
    kernels::cross_entropy_rows(ctx.stream(), logits, rows.of(targets),
                                tape ? std::optional(scale) : std::nullopt, rows.of(losses));
    if (tape) accumulate_chunk(ctx, rows, logits, h, W, to);
  });
  Tensor loss = ctx.empty({1}, DType::f64);
  kernels::sum_ascending(ctx.stream(), losses, scale, loss);
  if (tape)
    tape->record_loss("cross_entropy", loss,
                      [kept_dh = tape->keep(to.dh), to_h = InputRef(h)](Gradients& g) {
                        if (to_h) g.pass(to_h, g.value(kept_dh));
                      });
  return loss;
}

std::vector<double> token_losses(Context& ctx, const Tensor& h, const Weight& W, const Tensor& bias,
                                 std::span<const std::int32_t> targets) {
  check(h, W, bias, targets);
  const Tensor losses = losses_of(ctx, h);
  for_chunks(ctx, h, W, bias, [&](ChunkRows rows, const Tensor& logits) {
    kernels::cross_entropy_rows(ctx.stream(), logits, rows.of(targets), std::nullopt,
                                rows.of(losses));
  });
  return kernels::to_host<double>(ctx.stream(), losses);
}

}  // namespace stemma::ops
