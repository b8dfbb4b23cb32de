#include "ops/embedding.h"

#include "kernels/embedding.h"
#include "ops/check.h"
#include "ops/tape.h"

namespace stemma::ops {
namespace {

// The terms one by one, for observers.
void observe_terms(Context& ctx, std::span<const std::int32_t> ids, const Weight& tokens,
                   const std::vector<EmbeddingTerm>& terms, const Tensor& y) {
  Tensor term = ctx.empty(y.shape(), y.dtype());
  kernels::embedding_forward(ctx.stream(), ids, {}, tokens, {}, term);
  ctx.observe("token_embedding", term);
  for (const EmbeddingTerm& added : terms) {
    kernels::embedding_forward(ctx.stream(), added.index, {}, Weight(added.table), {}, term);
    ctx.observe(added.observed, term);
  }
  ctx.observe("embedding", y);
}

// A term as the closure remembers it.
struct RecordedTerm {
  std::span<const std::int32_t> index;
  InputRef table;
};

std::vector<RecordedTerm> recorded_terms(const std::vector<EmbeddingTerm>& terms) {
  std::vector<RecordedTerm> recorded;
  for (const EmbeddingTerm& term : terms) recorded.push_back({term.index, InputRef(term.table)});
  return recorded;
}

}  // namespace

Tensor embedding(Context& ctx, std::span<const std::int32_t> ids, const Weight& tokens,
                 const std::vector<EmbeddingTerm>& terms) {
  std::vector<EmbeddingTerm> added;
  for (const EmbeddingTerm& term : terms) {
    if (!term.table) continue;
    check_shape("embedding", "table", term.table, {term.table.rows(), tokens.in()});
    added.push_back(term);
  }
  Tensor y = ctx.empty({static_cast<std::int64_t>(ids.size()), tokens.in()}, ctx.numerics().stream);
  const EmbeddingTerm first = added.empty() ? EmbeddingTerm{} : added.front();
  kernels::embedding_forward(ctx.stream(), ids, first.index, tokens, first.table, y);
  for (std::size_t i = 1; i < added.size(); ++i)
    kernels::embedding_add(ctx.stream(), added[i].index, added[i].table, y);
  if (ctx.observed()) observe_terms(ctx, ids, tokens, added, y);
  Tape* tape = ctx.recording(tokens.value());
  for (const EmbeddingTerm& term : added)
    if (!tape) tape = ctx.recording(term.table);
  if (tape) {
    check_trainable("embedding", tokens);
    tape->record("embedding", y,
                 [ids, to_tokens = InputRef(tokens.value()), terms = recorded_terms(added)](
                     Gradients& g, const Tensor& dy) {
                   kernels::scatter_rows(g.stream(), ids, dy, to_tokens.gradient(g));
                   for (const RecordedTerm& term : terms)
                     kernels::scatter_rows(g.stream(), term.index, dy, term.table.gradient(g));
                 });
  }
  return y;
}

Tensor embedding(Context& ctx, const Batch& batch, const Weight& tokens, const Tensor& positions) {
  return embedding(ctx, batch.ids, tokens, {{batch.positions, positions}});
}

}  // namespace stemma::ops
