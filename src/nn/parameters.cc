#include "nn/parameters.h"

#include <cstring>
#include <unordered_map>
#include <utility>

namespace stemma::nn {
namespace {

// Parameters start at multiples of a cache line.
constexpr std::int64_t kAlignment = 16;

std::int64_t aligned(std::int64_t n) { return (n + kAlignment - 1) / kAlignment * kAlignment; }

struct Entry {
  std::string name;
  Shape shape;
};

// Notes names and shapes; its tensors are never read (untouched pages cost nothing).
class Surveyor final : public WeightSource {
 public:
  Weight matrix(std::string_view name, std::int64_t out, std::int64_t in, Init) override {
    matrices.push_back({std::string(name), {out, in}});
    return Weight(Tensor::empty({out, in}, DType::f32));
  }
  Tensor vector(std::string_view name, std::int64_t size, Init) override {
    vectors.push_back({std::string(name), {size}});
    return Tensor::empty({size}, DType::f32);
  }
  std::vector<Entry> matrices, vectors;
};

// Gives out views of the flat memory, filled from another source.
class Filler final : public WeightSource {
 public:
  Filler(const std::vector<Parameter>& list, WeightSource& from) : list_(list), from_(from) {
    for (std::size_t i = 0; i < list.size(); ++i) index_.emplace(list[i].name, i);
  }
  Weight matrix(std::string_view name, std::int64_t out, std::int64_t in, Init init) override {
    return Weight(fill(name, from_.matrix(name, out, in, init).value()));
  }
  Tensor vector(std::string_view name, std::int64_t size, Init init) override {
    return fill(name, from_.vector(name, size, init));
  }

 private:
  Tensor fill(std::string_view name, const Tensor& source) {
    const std::size_t index = index_.at(std::string(name));
    Tensor value = list_[index].value;
    std::memcpy(value.data<float>(), source.data<float>(),
                static_cast<std::size_t>(source.elements()) * sizeof(float));
    value.set_variable(-1 - static_cast<std::int32_t>(index));
    return value;
  }

  const std::vector<Parameter>& list_;
  WeightSource& from_;
  std::unordered_map<std::string, std::size_t> index_;
};

}  // namespace

Parameters::Parameters(const std::function<void(WeightSource&)>& build, WeightSource& from) {
  Surveyor survey;
  build(survey);
  std::int64_t total = 0;
  for (const auto* group : {&survey.matrices, &survey.vectors}) {
    const bool decays = group == &survey.matrices;
    for (const Entry& entry : *group) {
      Parameter parameter;
      parameter.name = entry.name;
      parameter.offset = total;
      parameter.decays = decays;
      list_.push_back(std::move(parameter));
      total += aligned(entry.shape.elements());
    }
    if (decays) decaying_ = total;
  }
  weights_ = Tensor::zeros({total}, DType::f32);
  gradients_ = Tensor::zeros({total}, DType::f32);
  for (std::size_t i = 0; i < list_.size(); ++i) {
    const Shape& shape = i < survey.matrices.size()
                             ? survey.matrices[i].shape
                             : survey.vectors[i - survey.matrices.size()].shape;
    const std::size_t offset = static_cast<std::size_t>(list_[i].offset) * sizeof(float);
    list_[i].value = Tensor::in(weights_.storage(), offset, shape, DType::f32);
    list_[i].gradient = Tensor::in(gradients_.storage(), offset, shape, DType::f32);
    gradient_tensors_.push_back(list_[i].gradient);
  }
  Filler filler(list_, from);
  build(filler);
}

}  // namespace stemma::nn
