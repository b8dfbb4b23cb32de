#include "nn/block.h"

#include <cmath>

#include <fmt/format.h>

#include "ops/dropout.h"

namespace stemma::nn {
namespace {

// Places in the model where masks are drawn; 0 is the embedding's.
constexpr std::uint32_t kSitesPerBlock = 3;
enum Site : std::uint32_t { kAttentionWeights = 1, kAttentionOut = 2, kFeedForwardOut = 3 };

std::uint32_t site_of(std::int64_t layer, Site site) {
  return static_cast<std::uint32_t>(layer) * kSitesPerBlock + site;
}

}  // namespace

Block::Block(WeightSource& source, const BlockSpec& spec, std::int64_t layer)
    : spec_(spec), layer_(layer) {
  const std::string name = fmt::format("blocks.{}.", layer);
  const std::int64_t c = spec.channels;
  norm1_ = Norm(source, name + "norm1", c, spec.norm_eps);
  qkv_ = Linear(source, name + "attention.qkv", 3 * c, c, spec.weight);
  out_ = Linear(source, name + "attention.out", c, c, spec.residual_weight);
  norm2_ = Norm(source, name + "norm2", c, spec.norm_eps);
  up_ = Linear(source, name + "feed_forward.up", spec.hidden, c, spec.weight);
  down_ = Linear(source, name + "feed_forward.down", c, spec.hidden, spec.residual_weight);
}

Tensor Block::operator()(ops::Context& ctx, const Batch& batch, AttentionState& state,
                         const Tensor& x) const {
  if (spec_.post_norm) {
    const Tensor h = norm1_.to_stream(ctx, attention(ctx, batch, state, x, x));
    return norm2_.to_stream(ctx, feed_forward(ctx, batch, h, h));
  }
  const Tensor h = attention(ctx, batch, state, norm1_(ctx, x), x);
  return feed_forward(ctx, batch, norm2_(ctx, h), h);
}

Tensor Block::attention(ops::Context& ctx, const Batch& batch, AttentionState& state,
                        const Tensor& x, const Tensor& residual) const {
  ops::AttentionSpec spec;
  spec.heads = spec_.heads;
  spec.head_size = spec_.channels / spec_.heads;
  spec.causal = spec_.causal;
  spec.scale = 1.0f / std::sqrt(static_cast<float>(spec.head_size));
  spec.dropout = ctx.training() ? spec_.attention_dropout : 0.0f;
  spec.dropout_key = ctx.randomness().key(site_of(layer_, kAttentionWeights));
  spec.dropout_step = ctx.randomness().step;
  const Tensor mixed = state.attend(ctx, layer_, qkv_(ctx, x), spec);
  return add_to_stream(ctx, batch, out_, mixed, residual, site_of(layer_, kAttentionOut));
}

Tensor Block::feed_forward(ops::Context& ctx, const Batch& batch, const Tensor& x,
                           const Tensor& residual) const {
  const Tensor hidden =
      up_(ctx, x, {.activation = spec_.activation, .residual = {}, .stream = false});
  return add_to_stream(ctx, batch, down_, hidden, residual, site_of(layer_, kFeedForwardOut));
}

Tensor Block::add_to_stream(ops::Context& ctx, const Batch& batch, const Linear& layer,
                            const Tensor& x, const Tensor& residual, std::uint32_t site) const {
  const float p = ctx.training() ? spec_.residual_dropout : 0.0f;
  if (p == 0) return layer(ctx, x, {.residual = residual});
  const Tensor y = layer(ctx, x, {.residual = {}, .stream = true});
  return ops::dropout(ctx, batch, y, residual, p, site);
}

}  // namespace stemma::nn
