#include "train/masked_tokens.h"

#include <algorithm>
#include <numeric>

#include "kernels/host.h"
#include "ops/gather_rows.h"

namespace stemma::train {
namespace {

double one_over(std::int64_t n) { return 1.0 / static_cast<double>(std::max<std::int64_t>(n, 1)); }

// What an evaluation adds up for one head.
struct Tally {
  double nats = 0;
  std::int64_t right = 0, all = 0;

  double loss() const { return nats * one_over(all); }
  double accuracy() const { return static_cast<double>(right) * one_over(all); }
};

// Counts the rows of logits [M, K] whose largest value is at wanted[row].
std::int64_t right_ones(Stream& stream, const Tensor& logits,
                        std::span<const std::int32_t> wanted) {
  const std::vector<float> values = kernels::to_host<float>(stream, logits);
  const auto columns = logits.cols();
  std::int64_t right = 0;
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    const auto row = values.begin() + static_cast<std::int64_t>(i) * columns;
    right += std::max_element(row, row + columns) - row == wanted[i];
  }
  return right;
}

// The masked tokens, some rows at a time: all their logits at once would be large.
void add_tokens(const States& s, Tally& tally) {
  constexpr std::size_t kRows = 256;
  std::vector<std::int32_t> rows, wanted;
  for (std::size_t i = 0; i < s.batch.targets.size(); ++i) {
    if (s.batch.targets[i] < 0) continue;
    rows.push_back(static_cast<std::int32_t>(i));
    wanted.push_back(s.batch.targets[i]);
  }
  for (std::size_t i = 0; i < rows.size(); i += kRows) {
    const std::size_t count = std::min(kRows, rows.size() - i);
    const auto some = std::span<const std::int32_t>(wanted).subspan(i, count);
    const Tensor h =
        ops::gather_rows(s.ctx, s.h, std::span<const std::int32_t>(rows).subspan(i, count));
    const auto losses = s.model.head().token_losses(s.ctx, h, some);
    tally.nats = std::accumulate(losses.begin(), losses.end(), tally.nats);
    tally.right += right_ones(s.ctx.stream(), s.model.head().logits(s.ctx, h), some);
  }
  tally.all += static_cast<std::int64_t>(rows.size());
}

void add_pairs(const States& s, Tally& tally) {
  const nn::PairHead& head = s.model.pair_head();
  const Tensor pooled = s.model.pooler()(s.ctx, s.h, s.batch);
  tally.nats += kernels::read_scalar(s.ctx.stream(), head.loss(s.ctx, pooled, s.batch.labels, 1.0));
  tally.right += right_ones(s.ctx.stream(), head.logits(s.ctx, pooled), s.batch.labels);
  tally.all += std::count_if(s.batch.labels.begin(), s.batch.labels.end(),
                             [](std::int32_t label) { return label >= 0; });
}

}  // namespace

std::vector<Loss> MaskedTokens::losses(const States& s, const Counts& step) const {
  std::vector<Loss> losses;
  losses.push_back(
      {"mlm_loss", s.model.head().loss(s.ctx, s.h, s.batch.targets, one_over(step.targets))});
  if (pairs_)
    losses.push_back(
        {"nsp_loss", s.model.pair_head().loss(s.ctx, s.model.pooler()(s.ctx, s.h, s.batch),
                                              s.batch.labels, one_over(step.labels))});
  return losses;
}

std::vector<std::string_view> MaskedTokens::evaluation_columns() const {
  if (!validation_ || validation_->sequences == 0) return {};
  if (!pairs_) return {"val_loss", "val_mlm_loss", "val_mlm_accuracy"};
  return {"val_loss", "val_mlm_loss", "val_mlm_accuracy", "val_nsp_loss", "val_nsp_accuracy"};
}

std::vector<Metric> MaskedTokens::evaluate(const Inference& inference) const {
  if (evaluation_columns().empty()) return {};
  const std::int64_t sequences = validation_->sequences;
  Tally tokens, pairs;
  Batch batch;
  for (std::int64_t i = 0; i < sequences; i += inference.sequences) {
    validation_->batches->fill(i, std::min(inference.sequences, sequences - i), 0, batch);
    inference.run(batch, [&](const States& states) {
      add_tokens(states, tokens);
      if (pairs_) add_pairs(states, pairs);
    });
  }
  std::vector<Metric> metrics{{"val_loss", tokens.loss() + (pairs_ ? pairs.loss() : 0)},
                              {"val_mlm_loss", tokens.loss()},
                              {"val_mlm_accuracy", tokens.accuracy()}};
  if (pairs_) {
    metrics.push_back({"val_nsp_loss", pairs.loss()});
    metrics.push_back({"val_nsp_accuracy", pairs.accuracy()});
  }
  return metrics;
}

}  // namespace stemma::train
