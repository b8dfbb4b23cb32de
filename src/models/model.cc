#include "models/model.h"

#include "models/family.h"

namespace stemma {

std::unique_ptr<Model> build_model(const ModelConfig& config, nn::WeightSource& source) {
  config.validate();
  return family_named(config.family).build(config, source);
}

std::vector<nn::ParameterSpec> parameters_of(const ModelConfig& config) {
  return nn::survey([&](nn::WeightSource& source) { build_model(config, source); });
}

}  // namespace stemma
