// A source of weights that a test names one by one.
#pragma once

#include <map>
#include <string>
#include <utility>

#include <gtest/gtest.h>

#include "nn/weight_source.h"

namespace stemma::nn {

// Hands out tensors by name.
class GivenWeights final : public WeightSource {
 public:
  explicit GivenWeights(std::map<std::string, Tensor> given) : given_(std::move(given)) {}
  Weight load(const ParameterSpec& spec) override {
    const Tensor value = given_.at(spec.name);
    EXPECT_EQ(value.shape(), spec.shape) << spec.name;
    return Weight(value);
  }

 private:
  std::map<std::string, Tensor> given_;
};

}  // namespace stemma::nn
