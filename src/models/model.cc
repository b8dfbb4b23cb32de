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

void Model::add_task_heads(nn::WeightSource& source) {
  for (const TaskHeadConfig& head : config_.task_heads)
    task_heads_.emplace_back(
        source, head.parameter(),
        nn::LinearShape{
            .out = head.outputs, .in = config_.channels, .bias = head.bias, .parts = {}},
        nn::Init::normal(config_.weight_std));
}

std::unique_ptr<Model> build_model(const ModelConfig& config, nn::WeightSource& source) {
  config.validate();
  std::unique_ptr<Model> model = family_named(config.family).build(config, source);
  model->add_task_heads(source);
  return model;
}

std::vector<nn::ParameterSpec> parameters_of(const ModelConfig& config) {
  return nn::survey([&](nn::WeightSource& source) { build_model(config, source); });
}

}  // namespace stemma
