#include "train/next_token.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace stemma::train {

std::vector<Loss> NextToken::losses(const States& s, const Counts& step) const {
  const double scale = 1.0 / static_cast<double>(std::max<std::int64_t>(step.targets, 1));
  return {{{}, s.model.head().loss(s.ctx, s.h, s.batch.targets, scale)}};
}

std::vector<std::string_view> NextToken::evaluation_columns() const {
  if (!validation_ || validation_->windows.windows() == 0) return {};
  return {"val_loss", "val_bits_per_byte"};
}

std::vector<Metric> NextToken::evaluate(const Inference& inference) const {
  if (evaluation_columns().empty()) return {};
  const EvaluationWindows& windows = validation_->windows;
  double nats = 0;
  std::int64_t targets = 0;
  Batch batch;
  for (std::int64_t i = 0; i < windows.windows(); i += inference.sequences) {
    windows.fill(i, std::min(inference.sequences, windows.windows() - i), batch);
    inference.run(batch, [&](const States& s) {
      const auto losses = s.model.head().token_losses(s.ctx, s.h, batch.targets);
      nats = std::accumulate(losses.begin(), losses.end(), nats);
    });
    targets += std::count_if(batch.targets.begin(), batch.targets.end(),
                             [](std::int32_t t) { return t >= 0; });
  }
  const auto at_least_one = [](std::int64_t n) {
    return static_cast<double>(std::max<std::int64_t>(n, 1));
  };
  return {{"val_loss", nats / at_least_one(targets)},
          {"val_bits_per_byte", nats / std::log(2.0) / at_least_one(validation_->text_bytes)}};
}

}  // namespace stemma::train
