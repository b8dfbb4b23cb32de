// From a configuration to the parts that several members of the family share.
#pragma once

#include <string>
#include <vector>

#include "models/config.h"
#include "nn/attention.h"
#include "nn/feed_forward.h"
#include "nn/token_head.h"
#include "ops/checkpoint.h"
#include "ops/embedding.h"

namespace stemma {

// "blocks.3."
std::string block_name(std::int64_t layer);

// For families whose attention has one size: as many key-value heads as heads, of channels / heads
// columns. Throws invalid_argument otherwise.
void require_equal_heads(const ModelConfig& config);

nn::AttentionOptions attention_options(const ModelConfig& config, std::int64_t layer);
nn::FeedForwardOptions feed_forward_options(const ModelConfig& config);
nn::GatedFeedForwardOptions gated_feed_forward_options(const ModelConfig& config);

// `embedding.tokens` [V, C], and `embedding.positions` [T, C].
Weight token_embedding(nn::WeightSource& source, const ModelConfig& config);
Tensor position_embedding(nn::WeightSource& source, const ModelConfig& config);
// `embedding.segments` [segments, C].
Tensor segment_embedding(nn::WeightSource& source, const ModelConfig& config);
// The head on the token embedding, or on `head.weight` [V, C], and `head.bias` [V]; `transform`:
// what the states go through before (none in the GPT layouts).
nn::TokenHead token_head(nn::WeightSource& source, const ModelConfig& config, const Weight& tokens,
                         nn::HeadTransform transform = {});

// What the blocks begin with, before the embedding's norm and dropout: the sum of the tokens'
// vectors, of the other terms in their order, and of the pass's perturbation where it has one; a
// prompt's rows stand in for the tokens of its virtual ids. Differentiable in all of them. Every
// member of the family looks its tokens up here.
Tensor embed(const nn::Pass& pass, const Weight& tokens,
             std::vector<ops::EmbeddingTerm> terms = {});
// The embedding's dropout, in training passes.
Tensor embedding_dropout(const nn::Pass& pass, const ModelConfig& config, const Tensor& x);

// Blocks of one kind: `blocks.<layer>.*`, each run so that recompute can run it again.
template <class Block>
class Blocks {
 public:
  // `shared`: what the constructor of each block gets beside source, configuration and layer.
  template <class... Shared>
  Blocks(nn::WeightSource& source, const ModelConfig& config, const Shared&... shared) {
    blocks_.reserve(static_cast<std::size_t>(config.layers));
    for (std::int64_t layer = 0; layer < config.layers; ++layer)
      blocks_.emplace_back(source, config, layer, shared...);
  }

  // x: the residual stream [N, C]; returns the last one, [M, C] where only M rows are read.
  Tensor operator()(const nn::Pass& pass, Tensor x) const {
    for (const Block& block : blocks_) {
      const nn::Pass mine = &block == &blocks_.back() ? pass : pass.before_last();
      x = ops::checkpoint(pass.ctx, x, [&block, mine](ops::Context& ctx, const Tensor& in) {
        return block(mine.under(ctx), in);
      });
    }
    return x;
  }

 private:
  std::vector<Block> blocks_;
};

}  // namespace stemma
