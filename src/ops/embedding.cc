#include "ops/embedding.h"

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
                   kernels::scatter_rows(g.stream(), batch.ids, dy, to_tokens.gradient(g));
                   kernels::scatter_rows(g.stream(), batch.positions, dy, to_positions.gradient(g));
                 });
  }
  return y;
}

}  // namespace stemma::ops
