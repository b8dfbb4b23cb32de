#include "models/decoder.h"

#include <cmath>

#include "ops/checkpoint.h"
#include "ops/cross_entropy.h"
#include "ops/dropout.h"
#include "ops/embedding.h"
#include "ops/linear.h"

namespace stemma {
namespace {

using NormPlacement = DecoderConfig::NormPlacement;

nn::BlockSpec block_spec(const DecoderConfig& config) {
  nn::BlockSpec spec;
  spec.channels = config.channels;
  spec.heads = config.heads;
  spec.hidden = config.hidden;
  spec.activation = config.activation;
  spec.post_norm = config.norm == NormPlacement::post;
  spec.norm_eps = config.norm_eps;
  spec.attention_dropout = static_cast<float>(config.attention_dropout);
  spec.residual_dropout = static_cast<float>(config.residual_dropout);
  spec.weight = nn::Init::normal(config.weight_std);
  // Two residual layers a block.
  const double residual_scale =
      config.scaled_residual ? 1 / std::sqrt(2.0 * static_cast<double>(config.layers)) : 1.0;
  spec.residual_weight = nn::Init::normal(config.weight_std * residual_scale);
  return spec;
}

}  // namespace

Decoder::Decoder(const DecoderConfig& config, nn::WeightSource& source) : config_(config) {
  config_.validate();
  tokens_ = source.matrix("embedding.tokens", config.vocab, config.channels,
                          nn::Init::normal(config.weight_std));
  positions_ = source.table("embedding.positions", config.context, config.channels,
                            nn::Init::normal(config.position_std));
  const nn::BlockSpec spec = block_spec(config);
  blocks_.reserve(static_cast<std::size_t>(config.layers));
  for (std::int64_t layer = 0; layer < config.layers; ++layer)
    blocks_.emplace_back(source, spec, layer);
  if (config.norm == NormPlacement::pre)
    final_norm_ = nn::Norm(source, "final_norm", config.channels, config.norm_eps);
  head_ = config.tied_head ? tokens_
                           : source.matrix("head.weight", config.vocab, config.channels,
                                           nn::Init::normal(config.weight_std));
  if (config.head_bias) head_bias_ = source.vector("head.bias", config.vocab, nn::Init::zeros());
}

Tensor Decoder::forward(ops::Context& ctx, const Batch& batch, nn::AttentionState& state) const {
  Tensor x = ops::embedding(ctx, batch, tokens_, positions_);
  if (ctx.training())
    x = ops::dropout(ctx, batch, x, {}, static_cast<float>(config_.embedding_dropout), 0);
  for (const nn::Block& block : blocks_)
    x = ops::checkpoint(
        ctx, x, [&](ops::Context& c, const Tensor& in) { return block(c, batch, state, in); });
  return config_.norm == NormPlacement::pre ? final_norm_(ctx, x) : x;
}

Tensor Decoder::loss(ops::Context& ctx, const Tensor& h, std::span<const std::int32_t> targets,
                     double scale) const {
  return ops::cross_entropy(ctx, h, head_, head_bias_, targets, scale);
}

std::vector<double> Decoder::token_losses(ops::Context& ctx, const Tensor& h,
                                          std::span<const std::int32_t> targets) const {
  return ops::token_losses(ctx, h, head_, head_bias_, targets);
}

Tensor Decoder::logits(ops::Context& ctx, const Tensor& h) const {
  return ops::linear(ctx, h, head_, head_bias_, {.residual = {}, .stream = true});
}

}  // namespace stemma
