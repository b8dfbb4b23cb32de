// The weights with which fine-tuning begins: those of a pre-trained model, fresh numbers for the
// head of the task, and, where the vocabulary has grown by tokens of the task, fresh rows for them.
//
//   TaskWeights source(*stored.source, stored.config.model, seed);
//   Trainer trainer(config_with_head, settings, source, ...);
#pragma once

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "models/config.h"
#include "nn/fresh_weights.h"
#include "nn/weight_source.h"

namespace stemma::tasks {

class TaskWeights final : public nn::WeightSource {
 public:
  // `base`, which must outlive this, gives the parameters that a model of `config` has.
  TaskWeights(nn::WeightSource& base, const ModelConfig& config, std::uint64_t seed);

  Weight load(const nn::ParameterSpec& spec) override;
  // Whether the base has the parameter.
  bool in_base(const nn::ParameterSpec& spec) const;

 private:
  Weight with_new_rows(const nn::ParameterSpec& spec, const nn::ParameterSpec& old);

  nn::WeightSource& base_;
  std::vector<nn::ParameterSpec> there_;
  nn::FreshWeights fresh_;
};

// What is trained from one source, everything else from another: an adapter's folder and its base.
class AdaptedWeights final : public nn::WeightSource {
 public:
  enum class Has : std::uint8_t {
    adapter_and_heads,
    heads  // alone: the adapter's values come from elsewhere
  };
  AdaptedWeights(std::unique_ptr<nn::WeightSource> base, std::unique_ptr<nn::WeightSource> trained,
                 Has has = Has::adapter_and_heads)
      : base_(std::move(base)), trained_(std::move(trained)), has_(has) {}
  Weight load(const nn::ParameterSpec& spec) override;

 private:
  std::unique_ptr<nn::WeightSource> base_, trained_;
  Has has_;
};

}  // namespace stemma::tasks
