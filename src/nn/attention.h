// Multi-head self-attention as a sublayer: one fused product for queries, keys and values, the
// attention itself, and the projection back into the residual stream (Vaswani et al. 2017, 3.2).
//
//   Attention attention(source, "blocks.0.attention", 0, {.channels = 768, .heads = 12, ...});
//   x = attention(pass, norm(pass.ctx, x), x);
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "nn/linear.h"
#include "nn/pass.h"
#include "ops/attention.h"
#include "ops/rotary.h"

namespace stemma::nn {

struct AttentionOptions {
  std::int64_t channels = 0;   // C, of the residual stream
  std::int64_t heads = 0;      // H query heads
  std::int64_t kv_heads = 0;   // G key-value heads, a divisor of H
  std::int64_t head_size = 0;  // D
  double scale = 0;            // of the scores, usually 1 / sqrt(D)
  bool causal = true;
  ops::AttentionPattern pattern;  // which of the earlier tokens are seen
  bool qkv_bias = true, out_bias = true;
  Init weight, out_weight;  // of the fused matrix; of the one that writes to the residual stream
  float weights_dropout = 0, out_dropout = 0;
  // Rotary positions of queries and keys, shared by all layers; null: none.
  std::shared_ptr<const ops::RotaryTable> rotary;
};

class Attention {
 public:
  Attention() = default;
  // Asks for `<name>.qkv` [(H + 2 G) D, C], rows of q, then k, then v, and `<name>.out` [C, H D].
  Attention(WeightSource& source, const std::string& name, std::int64_t layer,
            const AttentionOptions& options);

  // residual + dropout(out(attend(qkv(x)))). x [N, C] in the activation type, residual [N, C];
  // returns [N, C], or [M, C] where the pass says which rows are read.
  Tensor operator()(const Pass& pass, const Tensor& x, const Tensor& residual) const;

 private:
  std::int64_t layer_ = 0;
  AttentionOptions options_;
  Linear qkv_, out_;
};

}  // namespace stemma::nn
