// The start of a training run: draws the parameters of a new model. Each element is a function of
// (seed, name, index), so a parameter starts the same whatever else the model has and however it is
// split.
//
//   FreshWeights source(seed);
//   auto model = build_model(config, source);
#pragma once

#include <cstdint>

#include "nn/weight_source.h"

namespace stemma::nn {

class FreshWeights final : public WeightSource {
 public:
  explicit FreshWeights(std::uint64_t seed) : seed_(seed) {}
  Weight load(const ParameterSpec& spec) override;

 private:
  std::uint64_t seed_;
};

}  // namespace stemma::nn
