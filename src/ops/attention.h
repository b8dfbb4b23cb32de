// Multi-head self-attention over packed sequences: H heads of queries, G heads of keys and values
// (fewer where several query heads share one), dense or in a sparse pattern.
#pragma once

#include <span>
#include <vector>

#include "kernels/attention.h"
#include "ops/context.h"
#include "tensor/batch.h"
#include "tensor/tensor.h"

namespace stemma::ops {

using kernels::AttentionPattern;
using kernels::AttentionSequence;
using kernels::AttentionSpec;

// Self-attention where queries, keys and values are the columns of one product. Differentiable in
// qkv.
//   qkv [N, (H + 2 G) D] f32|bf16 (q, then k, then v);  returns [N, H D] in qkv's type.
// `sequences` (self_sequences) must outlive the tape's backward pass. Memory is O(N), never T×T.
Tensor attention(Context& ctx, const Tensor& qkv, const AttentionSpec& spec,
                 std::span<const AttentionSequence> sequences);

// A cache of keys and values as kernels/attention.h describes it.
struct AttentionCache {
  Tensor k, v;  // [P·G·page_keys, D]
  std::int64_t page_keys = 0;
};

// Attention of new tokens to all tokens of their sequences, whose keys and values a cache holds;
// those of the new tokens are written to it. Inference only.
//   qkv [N, (H + 2 G) D] (q, then k, then v), in the cache's type;  returns [N, H D] in that type.
Tensor cached_attention(Context& ctx, const Tensor& qkv, const AttentionCache& cache,
                        const AttentionSpec& spec, std::span<const AttentionSequence> sequences);

// The sequences of a batch that attend to themselves.
std::vector<AttentionSequence> self_sequences(const Batch& batch);

}  // namespace stemma::ops
