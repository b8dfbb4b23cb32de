// The objective of BERT's pre-training (Devlin et al. 2018, 3.1): find the tokens that were masked,
// and whether the second text of a pair follows the first.
//
//   auto batches = std::make_shared<MaskedBatches>(MaskedSampler(data.train(), options));
//   MaskedTokens objective(batches, config.pair_head, MaskedTokens::Validation{held_out, 256});
//
// loss = mlm_loss + nsp_loss, each a mean over the step: of its targets, of its pairs. Without a
// pair head (`pairs` false) the labels are passed over, and mlm_loss is the only loss.
//
// Columns: loss, mlm_loss, nsp_loss; val_loss, val_mlm_loss, val_mlm_accuracy, val_nsp_loss,
// val_nsp_accuracy. Accuracies are shares of 1.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <utility>

#include "data/masked_sampler.h"
#include "train/objective.h"

namespace stemma::train {

// Batches of packed data, masked.
class MaskedBatches final : public BatchSource {
 public:
  explicit MaskedBatches(MaskedSampler sampler) : sampler_(std::move(sampler)) {}
  const MaskedSampler& sampler() const { return sampler_; }
  std::int64_t sequence_length() const override { return sampler_.options().sequence_length; }
  void fill(std::int64_t first, std::int64_t count, std::int64_t first_number,
            Batch& batch) const override {
    sampler_.fill(first, count, first_number, batch);
  }
  Counts counts(std::int64_t first, std::int64_t count) const override {
    const MaskedSampler::Size size = sampler_.size_of(first, count);
    return {size.tokens, size.targets, count};
  }

 private:
  MaskedSampler sampler_;
};

class MaskedTokens final : public Objective {
 public:
  struct Validation {
    std::shared_ptr<const BatchSource> batches;
    std::int64_t sequences = 0;  // the first of them, the same ones in every evaluation
  };

  explicit MaskedTokens(std::shared_ptr<const BatchSource> batches, bool pairs,
                        std::optional<Validation> validation = {})
      : batches_(std::move(batches)), pairs_(pairs), validation_(std::move(validation)) {}

  const BatchSource& batches() const override { return *batches_; }
  std::vector<Loss> losses(const States& states, const Counts& step) const override;
  std::vector<std::string_view> evaluation_columns() const override;
  std::vector<Metric> evaluate(const Inference& inference) const override;

 private:
  std::shared_ptr<const BatchSource> batches_;
  bool pairs_;
  std::optional<Validation> validation_;
};

}  // namespace stemma::train
