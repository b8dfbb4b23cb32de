#include "ops/embedding.h"

#include <cstring>
#include <span>

#include "kernels/embedding.h"
#include "ops/check.h"
#include "ops/tape.h"

namespace stemma::ops {
namespace {

// The two terms one by one, for observers.
void observe_terms(Context& ctx, const Batch& batch, const Weight& tokens, const Tensor& positions,
                   const Tensor& y) {
  Tensor term = ctx.empty(y.shape(), y.dtype());
  kernels::embedding_forward(ctx.stream(), batch.ids, batch.positions, tokens, {}, term);
  ctx.observe("token_embedding", term);
  kernels::embedding_forward(ctx.stream(), batch.positions, batch.positions, Weight(positions), {},
                             term);
  ctx.observe("position_embedding", term);
  ctx.observe("embedding", y);
}

// The kernel adds to what is there; most rows of a table get nothing.
void scatter(Gradients& g, std::span<const std::int32_t> index, const Tensor& dy,
             const kernels::GradientOut& table) {
  if (!table) return;
  if (!table.add)
    std::memset(table.tensor.raw(), 0,
                static_cast<std::size_t>(table.tensor.elements()) * size_of(table.tensor.dtype()));
  kernels::embedding_backward(g.stream(), index, dy, table.tensor);
}

}  // namespace

Tensor embedding(Context& ctx, const Batch& batch, const Weight& tokens, const Tensor& positions) {
  check_shape("embedding", "positions", positions, {positions.rows(), tokens.in()});
  Tensor y = ctx.empty({batch.tokens(), tokens.in()}, ctx.numerics().stream);
  kernels::embedding_forward(ctx.stream(), batch.ids, batch.positions, tokens, positions, y);
  if (ctx.observed()) observe_terms(ctx, batch, tokens, positions, y);
  if (Tape* tape = ctx.recording(tokens.value(), positions)) {
    check_trainable("embedding", tokens);
    tape->record("embedding", y,
                 [&batch, to_tokens = InputRef(tokens.value()), to_positions = InputRef(positions)](
                     Gradients& g, const Tensor& dy) {
                   scatter(g, batch.ids, dy, to_tokens.gradient(g));
                   scatter(g, batch.positions, dy, to_positions.gradient(g));
                 });
  }
  return y;
}

}  // namespace stemma::ops
