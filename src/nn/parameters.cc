#include "nn/parameters.h"

#include <algorithm>
#include <unordered_map>

#include "kernels/elementwise.h"

namespace stemma::nn {
namespace {

// Parameters start at multiples of a cache line.
constexpr std::int64_t kAlignment = 16;

std::int64_t aligned(std::int64_t n) { return (n + kAlignment - 1) / kAlignment * kAlignment; }

// Gives out views of the flat memory, filled from another source; frozen parameters pass through.
class Filler final : public WeightSource {
 public:
  Filler(const std::vector<Parameter>& list, WeightSource& from, Stream& stream,
         std::vector<std::pair<ParameterSpec, Weight>>& frozen)
      : from_(from), stream_(stream), list_(list), frozen_(frozen) {
    for (std::size_t i = 0; i < list.size(); ++i) index_.emplace(list[i].spec.name, i);
  }
  Weight load(const ParameterSpec& spec) override {
    const auto found = index_.find(spec.name);
    if (found == index_.end()) {
      frozen_.emplace_back(spec, from_.load(spec));
      return frozen_.back().second;
    }
    Tensor value = list_[found->second].value;
    kernels::convert(stream_, from_.load(spec).value(), value);
    value.set_variable(-1 - static_cast<std::int32_t>(found->second));
    return Weight(std::move(value));
  }

 private:
  WeightSource& from_;
  Stream& stream_;
  const std::vector<Parameter>& list_;
  std::vector<std::pair<ParameterSpec, Weight>>& frozen_;
  std::unordered_map<std::string, std::size_t> index_;
};

}  // namespace

Parameters::Parameters(const Build& build, WeightSource& from, Stream& stream,
                       const Trainable& trainable) {
  std::vector<ParameterSpec> specs = survey(build);
  if (trainable)
    std::erase_if(specs, [&](const ParameterSpec& spec) { return !trainable(spec.name); });
  std::stable_partition(specs.begin(), specs.end(),
                        [](const ParameterSpec& spec) { return spec.decays(); });
  std::int64_t total = 0;
  for (ParameterSpec& spec : specs) {
    const std::int64_t offset = total;
    total += aligned(spec.elements());
    if (spec.decays()) decaying_ = total;
    list_.push_back({std::move(spec), {}, {}, offset});
  }
  weights_ = Tensor::zeros({total}, DType::f32);
  gradients_ = Tensor::zeros({total}, DType::f32);
  for (Parameter& p : list_) {
    const std::size_t offset = static_cast<std::size_t>(p.offset) * sizeof(float);
    p.value = Tensor::in(weights_.storage(), offset, p.spec.shape, DType::f32);
    p.gradient = Tensor::in(gradients_.storage(), offset, p.spec.shape, DType::f32);
    gradient_tensors_.push_back(p.gradient);
  }
  Filler filler(list_, from, stream, frozen_);
  build(filler);
}

}  // namespace stemma::nn
