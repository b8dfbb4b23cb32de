#include "models/parts.h"

#include <cmath>
#include <deque>
#include <utility>

#include <fmt/format.h>

#include "base/error.h"
#include "nn/adapter.h"
#include "nn/residual.h"
#include "ops/add.h"
#include "ops/dropout.h"
#include "ops/tape.h"

namespace stemma {
namespace {

nn::Init weight_init(const ModelConfig& config) { return nn::Init::normal(config.weight_std); }

nn::Init residual_init(const ModelConfig& config) {
  // Two residual layers a block.
  const double scale =
      config.scaled_residual ? 1 / std::sqrt(2.0 * static_cast<double>(config.layers)) : 1.0;
  return nn::Init::normal(config.weight_std * scale);
}

// The lists of a sum in which tokens and prompts share the rows.
class PromptLists {
 public:
  explicit PromptLists(const nn::Pass& pass) : pass_(pass) {}

  // Where each row is a row of the prompt of that adapter; kNoRow elsewhere.
  std::vector<std::int32_t> prompt_rows(std::size_t adapter) const {
    const Batch& batch = pass_.batch;
    std::vector<std::int32_t> rows(batch.ids.size(), ops::kNoRow);
    const auto add = [&](std::size_t row) {
      if (batch.ids[row] < 0) rows[row] = -1 - batch.ids[row];
    };
    const nn::AdapterRows mine = nn::rows_with(batch, adapter);
    for (std::size_t row = 0; mine.all && row < rows.size(); ++row) add(row);
    for (const std::int32_t row : mine.rows)
      if (!mine.all) add(static_cast<std::size_t>(row));
    return rows;
  }

  // `list` for as long as this, or where a tape records as long as that.
  std::span<const std::int32_t> keep(std::vector<std::int32_t> list) {
    lists_.push_back(std::move(list));
    const std::span<const std::int32_t> kept = lists_.back();
    ops::Tape* tape = pass_.ctx.tape();
    return tape ? tape->keep_values(kept) : kept;
  }

 private:
  const nn::Pass& pass_;
  std::deque<std::vector<std::int32_t>> lists_;
};

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

namespace {

Tensor embedding_sum(const nn::Pass& pass, const Weight& tokens,
                     std::vector<ops::EmbeddingTerm> terms) {
  constexpr auto kPrompt = nn::AdapterSpec::Kind::prompt;
  if (!pass.adapters || !pass.adapters->has(kPrompt))
    return ops::embedding(pass.ctx, pass.batch.ids, tokens, terms);
  PromptLists lists(pass);
  std::vector<std::int32_t> ids = pass.batch.ids;
  for (std::size_t a = pass.adapters->list.size(); a-- > 0;) {
    if (pass.adapters->list[a]->spec().kind != kPrompt) continue;
    std::vector<std::int32_t> rows = lists.prompt_rows(a);
    for (std::size_t i = 0; i < ids.size(); ++i)
      if (rows[i] != ops::kNoRow) ids[i] = ops::kNoRow;
    terms.insert(terms.begin(),
                 ops::EmbeddingTerm{lists.keep(std::move(rows)),
                                    pass.adapters->list[a]->virtual_tokens(), "prompt_embedding"});
  }
  return ops::embedding(pass.ctx, lists.keep(std::move(ids)), tokens, terms);
}

}  // namespace

Tensor embed(const nn::Pass& pass, const Weight& tokens, std::vector<ops::EmbeddingTerm> terms) {
  const Tensor x = embedding_sum(pass, tokens, std::move(terms));
  return pass.perturbation ? ops::add(pass.ctx, x, pass.perturbation) : x;
}

Tensor embedding_dropout(const nn::Pass& pass, const ModelConfig& config, const Tensor& x) {
  if (!pass.ctx.training()) return x;
  return ops::dropout(pass.ctx, pass.batch, x, {}, static_cast<float>(config.embedding_dropout),
                      nn::kEmbeddingSite);
}

}  // namespace stemma
