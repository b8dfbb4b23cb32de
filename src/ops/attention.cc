#include "ops/attention.h"

#include <algorithm>

#include "ops/check.h"
#include "ops/tape.h"

namespace stemma::ops {
namespace {

struct Qkv {
  Tensor q, k, v;
};

// [N, (H + 2 G) D], of which `width` columns are the queries.
Qkv split(const Tensor& qkv, std::int64_t width) {
  const std::int64_t all = qkv.cols(), values = width + (all - width) / 2;
  return {qkv.columns(0, width), qkv.columns(width, values), qkv.columns(values, all)};
}

// Runs the kernel; under an observer the reference one, which has scores and weights.
void forward(Context& ctx, const AttentionSpec& spec, kernels::AttentionForward args) {
  if (!ctx.observed()) {
    kernels::attention_forward(ctx.stream(), spec, args);
    return;
  }
  std::int64_t longest = 0;
  for (const AttentionSequence& s : args.sequences) longest = std::max(longest, s.keys);
  const DType type = args.q.dtype() == DType::f64 ? DType::f64 : DType::f32;
  args.scores = Tensor::zeros({args.q.rows(), spec.heads, longest}, type);
  args.weights = Tensor::zeros({args.q.rows(), spec.heads, longest}, type);
  kernels::attention_forward_reference(ctx.stream(), spec, args);
  ctx.observe("attention_scores", args.scores);
  ctx.observe("attention_weights", args.weights);
}

}  // namespace

Tensor attention(Context& ctx, const Tensor& qkv, const AttentionSpec& spec,
                 std::span<const AttentionSequence> sequences) {
  const std::int64_t width = spec.heads * spec.head_size;
  const std::int64_t kv_width = spec.key_value_heads() * spec.head_size;
  check_shape("attention", "qkv", qkv, {qkv.rows(), width + 2 * kv_width});
  Tensor out = ctx.empty({qkv.rows(), width}, qkv.dtype());
  Tape* tape = ctx.recording(qkv);
  Tensor lse;
  if (tape) {
    const DType type = qkv.dtype() == DType::f64 ? DType::f64 : DType::f32;
    lse = ctx.empty({qkv.rows(), spec.heads}, type);
  }
  const Qkv in = split(qkv, width);
  forward(ctx, spec, {in.q, in.k, in.v, sequences, out, lse, {}, {}, 0, {}, {}});
  ctx.observe("attention", out);
  if (!tape) return out;

  const Kept kept_qkv = tape->keep(qkv), kept_out = tape->keep(out), kept_lse = tape->keep(lse);
  tape->record("attention", out,
               [kept_qkv, kept_out, kept_lse, spec, sequences, width, to_qkv = InputRef(qkv)](
                   Gradients& g, const Tensor& dy) {
                 const kernels::GradientOut d = to_qkv.gradient(g);
                 if (!d) return;
                 const Qkv x = split(g.value(kept_qkv), width), dx = split(d.tensor, width);
                 kernels::attention_backward(g.stream(), spec,
                                             {dy,
                                              x.q,
                                              x.k,
                                              x.v,
                                              g.value(kept_out),
                                              g.value(kept_lse),
                                              sequences,
                                              {dx.q, d.add},
                                              {dx.k, d.add},
                                              {dx.v, d.add}});
               });
  return out;
}

Tensor cached_attention(Context& ctx, const Tensor& qkv, const AttentionCache& cache,
                        const AttentionSpec& spec, std::span<const AttentionSequence> sequences) {
  const std::int64_t width = spec.heads * spec.head_size;
  const std::int64_t kv_width = spec.key_value_heads() * spec.head_size;
  check_shape("cached_attention", "qkv", qkv, {qkv.rows(), width + 2 * kv_width});
  inference_only(ctx, "cached_attention", qkv);
  Tensor out = ctx.empty({qkv.rows(), width}, qkv.dtype());
  const Qkv in = split(qkv, width);
  forward(ctx, spec,
          {.q = in.q,
           .k = cache.k,
           .v = cache.v,
           .sequences = sequences,
           .out = out,
           .lse = {},
           .scores = {},
           .weights = {},
           .page_keys = cache.page_keys,
           .new_k = in.k,
           .new_v = in.v});
  ctx.observe("attention", out);
  return out;
}

std::vector<AttentionSequence> self_sequences(const Batch& batch) {
  std::vector<AttentionSequence> list;
  list.reserve(static_cast<std::size_t>(batch.sequences()));
  for (std::size_t b = 0; b + 1 < batch.offsets.size(); ++b) {
    const std::int64_t begin = batch.offsets[b], end = batch.offsets[b + 1];
    list.push_back(
        {begin, end, end - begin, 0, batch.numbers.empty() ? 0 : batch.numbers[b], begin});
  }
  return list;
}

}  // namespace stemma::ops
