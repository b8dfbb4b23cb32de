// The language-model objective: every token predicts the one after it (Radford et al. 2018, 3.1).
//
//   NextToken objective(batches, {EvaluationWindows(data.validation(), options, 100'000), bytes});
//
// Columns: loss; val_loss in nats per token, val_bits_per_byte of the text that the tokens stand
// for.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <utility>

#include "train/objective.h"

namespace stemma::train {

class NextToken final : public Objective {
 public:
  struct Validation {
    EvaluationWindows windows;
    std::int64_t text_bytes = 0;  // EvaluationWindows::text_bytes()
  };

  explicit NextToken(std::shared_ptr<const BatchSource> batches,
                     std::optional<Validation> validation = {})
      : batches_(std::move(batches)), validation_(std::move(validation)) {}

  const BatchSource& batches() const override { return *batches_; }
  std::vector<Loss> losses(const States& states, const Counts& step) const override;
  std::vector<std::string_view> evaluation_columns() const override;
  std::vector<Metric> evaluate(const Inference& inference) const override;

 private:
  std::shared_ptr<const BatchSource> batches_;
  std::optional<Validation> validation_;
};

}  // namespace stemma::train
