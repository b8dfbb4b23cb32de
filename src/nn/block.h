// One Transformer block: attention and feed-forward, each with a residual connection and a norm.
#pragma once

#include <cstdint>
#include <string>

#include "nn/attention_state.h"
#include "nn/linear.h"
#include "nn/norm.h"
#include "tensor/batch.h"

namespace stemma::nn {

// What blocks are made of; the model fills it from its configuration.
struct BlockSpec {
  std::int64_t channels = 0, heads = 0, hidden = 0;
  kernels::Activation activation = kernels::Activation::gelu_tanh;
  bool post_norm =
      false;  // norm after the residual addition (GPT-1), not before the sublayer (GPT-2)
  double norm_eps = 1e-5;
  bool causal = true;
  float attention_dropout = 0, residual_dropout = 0;
  Init weight, residual_weight;  // matrices; those that write to the residual stream
};

class Block {
 public:
  // Asks for the parameters
  // `blocks.<layer>.{norm1,attention.qkv,attention.out,norm2,feed_forward.up,
  // feed_forward.down}.*`.
  Block(WeightSource& source, const BlockSpec& spec, std::int64_t layer);

  // x: the residual stream [N, C]; returns the next one.
  Tensor operator()(ops::Context& ctx, const Batch& batch, AttentionState& state,
                    const Tensor& x) const;

 private:
  Tensor attention(ops::Context& ctx, const Batch& batch, AttentionState& state, const Tensor& x,
                   const Tensor& residual) const;
  Tensor feed_forward(ops::Context& ctx, const Batch& batch, const Tensor& x,
                      const Tensor& residual) const;
  // residual + dropout(layer(x))
  Tensor add_to_stream(ops::Context& ctx, const Batch& batch, const Linear& layer, const Tensor& x,
                       const Tensor& residual, std::uint32_t site) const;

  BlockSpec spec_;
  std::int64_t layer_;
  Norm norm1_, norm2_;
  Linear qkv_, out_, up_, down_;
};

}  // namespace stemma::nn
