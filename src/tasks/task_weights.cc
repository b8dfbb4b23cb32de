#include "tasks/task_weights.h"

#include <algorithm>

#include "device/stream.h"
#include "kernels/elementwise.h"
#include "models/model.h"
#include "nn/adapter.h"
#include "tasks/adapt.h"

namespace stemma::tasks {

TaskWeights::TaskWeights(nn::WeightSource& base, const ModelConfig& config, std::uint64_t seed)
    : base_(base), there_(parameters_of(config)), fresh_(seed) {}

bool TaskWeights::in_base(const nn::ParameterSpec& spec) const {
  return std::any_of(there_.begin(), there_.end(), [&](const nn::ParameterSpec& known) {
    return known.name == spec.name && known.shape == spec.shape;
  });
}

Weight TaskWeights::load(const nn::ParameterSpec& spec) {
  for (const nn::ParameterSpec& known : there_) {
    if (known.name != spec.name) continue;
    if (known.shape == spec.shape) return base_.load(spec);
    const bool by_token = spec.name == "embedding.tokens" || spec.name == "head.weight";
    if (by_token && known.shape[1] == spec.shape[1] && known.shape[0] < spec.shape[0])
      return with_new_rows(spec, known);
  }
  return fresh_.load(spec);
}

Weight AdaptedWeights::load(const nn::ParameterSpec& spec) {
  const bool adapter = spec.name.starts_with(nn::kAdapterPrefix);
  const bool trained = adapter ? has_ == Has::adapter_and_heads
                               : is_of_task_head(spec.name) || spec.name.starts_with("pooler.");
  return trained ? trained_->load(spec) : base_->load(spec);
}

Weight TaskWeights::with_new_rows(const nn::ParameterSpec& spec, const nn::ParameterSpec& old) {
  Weight grown = fresh_.load(spec);
  Stream stream(1);
  kernels::convert(stream, base_.load(old).value(), grown.value().slice_rows(0, old.shape[0]));
  stream.sync();
  return grown;
}

}  // namespace stemma::tasks
