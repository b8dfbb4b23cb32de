// Fresh parameters: each element is a function of (seed, name, index), so a parameter starts the
// same whatever else the model has and however it is split.
#pragma once

#include <cstdint>
#include <string_view>

#include "nn/weight_source.h"

namespace stemma::nn {

class FreshWeights final : public WeightSource {
 public:
  explicit FreshWeights(std::uint64_t seed) : seed_(seed) {}
  Weight matrix(std::string_view name, std::int64_t out, std::int64_t in, Init init) override;
  Tensor vector(std::string_view name, std::int64_t size, Init init) override;

 private:
  void fill(std::string_view name, const Tensor& tensor, Init init) const;
  std::uint64_t seed_;
};

}  // namespace stemma::nn
