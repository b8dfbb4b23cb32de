#include "models/model.h"

#include <fmt/format.h>

#include "base/error.h"
#include "models/family.h"

namespace stemma {

void Model::no_head(const char* head) const {
  throw Error(
      ErrorCode::unsupported,
      fmt::format("[model] this {} model has no {}: use one with it", config_.family, head));
}

std::unique_ptr<Model> build_model(const ModelConfig& config, nn::WeightSource& source) {
  config.validate();
  return family_named(config.family).build(config, source);
}

std::vector<nn::ParameterSpec> parameters_of(const ModelConfig& config) {
  return nn::survey([&](nn::WeightSource& source) { build_model(config, source); });
}

}  // namespace stemma
