#include "models/parts.h"

#include <cmath>

#include <fmt/format.h>

#include "base/error.h"
#include "nn/residual.h"
#include "ops/add.h"
#include "ops/dropout.h"

namespace stemma {
namespace {

nn::Init weight_init(const ModelConfig& config) { return nn::Init::normal(config.weight_std); }

nn::Init residual_init(const ModelConfig& config) {
  // Two residual layers a block.
  const double scale =
      config.scaled_residual ? 1 / std::sqrt(2.0 * static_cast<double>(config.layers)) : 1.0;
  return nn::Init::normal(config.weight_std * scale);
}

}  // namespace

std::string block_name(std::int64_t layer) { return fmt::format("blocks.{}.", layer); }

void require_equal_heads(const ModelConfig& config) {
  if (config.groups() == config.heads && config.attention_width() == config.channels) return;
  throw Error(
      ErrorCode::invalid_argument,
      fmt::format("[config] family {} has as many key-value heads as heads ({}) and heads of "
                  "channels / heads = {} columns, got kv_heads {} and head size {}",
                  config.family, config.heads, config.channels / config.heads, config.groups(),
                  config.head_size()));
}

nn::AttentionOptions attention_options(const ModelConfig& config, std::int64_t layer) {
  nn::AttentionOptions options;
  options.channels = config.channels;
  options.heads = config.heads;
  options.kv_heads = config.groups();
  options.head_size = config.head_size();
  options.causal = config.causal;
  options.pattern = config.pattern(layer);
  options.scale =
      (config.scale_scores ? 1 / std::sqrt(static_cast<double>(config.head_size())) : 1.0) /
      (config.scale_scores_by_layer ? static_cast<double>(layer + 1) : 1.0);
  options.weight = weight_init(config);
  options.out_weight = residual_init(config);
  options.weights_dropout = static_cast<float>(config.attention_dropout);
  options.out_dropout = static_cast<float>(config.residual_dropout);
  return options;
}

nn::FeedForwardOptions feed_forward_options(const ModelConfig& config) {
  nn::FeedForwardOptions options;
  options.channels = config.channels;
  options.hidden = config.hidden;
  options.activation = config.activation;
  options.weight = weight_init(config);
  options.down_weight = residual_init(config);
  options.dropout = static_cast<float>(config.residual_dropout);
  return options;
}

nn::GatedFeedForwardOptions gated_feed_forward_options(const ModelConfig& config) {
  nn::GatedFeedForwardOptions options;
  options.channels = config.channels;
  options.hidden = config.hidden;
  options.weight = weight_init(config);
  options.down_weight = residual_init(config);
  options.dropout = static_cast<float>(config.residual_dropout);
  return options;
}

Weight token_embedding(nn::WeightSource& source, const ModelConfig& config) {
  return source.load({"embedding.tokens",
                      {config.vocab, config.channels},
                      weight_init(config),
                      nn::Role::matrix,
                      {}});
}

Tensor position_embedding(nn::WeightSource& source, const ModelConfig& config) {
  return source
      .load({"embedding.positions",
             {config.context, config.channels},
             nn::Init::normal(config.position_std),
             nn::Role::table,
             {}})
      .value();
}

Tensor segment_embedding(nn::WeightSource& source, const ModelConfig& config) {
  return source
      .load({"embedding.segments",
             {config.segments, config.channels},
             weight_init(config),
             nn::Role::table,
             {}})
      .value();
}

nn::TokenHead token_head(nn::WeightSource& source, const ModelConfig& config, const Weight& tokens,
                         nn::HeadTransform transform) {
  if (!config.token_head) return {};
  Weight weight = tokens;
  Tensor bias;
  if (!config.tied_head)
    weight = source.load({"head.weight",
                          {config.vocab, config.channels},
                          weight_init(config),
                          nn::Role::matrix,
                          {}});
  if (config.head_bias)
    bias =
        source.load({"head.bias", {config.vocab}, nn::Init::zeros(), nn::Role::vector, {}}).value();
  return {std::move(weight), std::move(bias), std::move(transform)};
}

Tensor embed(const nn::Pass& pass, const Weight& tokens,
             const std::vector<ops::EmbeddingTerm>& terms) {
  const Tensor x = ops::embedding(pass.ctx, pass.batch.ids, tokens, terms);
  return pass.perturbation ? ops::add(pass.ctx, x, pass.perturbation) : x;
}

Tensor embedding_dropout(const nn::Pass& pass, const ModelConfig& config, const Tensor& x) {
  if (!pass.ctx.training()) return x;
  return ops::dropout(pass.ctx, pass.batch, x, {}, static_cast<float>(config.embedding_dropout),
                      nn::kEmbeddingSite);
}

}  // namespace stemma
