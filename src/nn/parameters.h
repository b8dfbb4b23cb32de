// Trainable parameters in flat memory: weights, gradients and what an optimiser keeps beside them,
// matrices first (they decay), then vectors (they do not).
//
//   Parameters parameters([&](WeightSource& s) { model.emplace(config, s); }, source);
//   parameters.weights(), .gradients(): spans over everything; parameters.list(): by name.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "nn/weight_source.h"

namespace stemma::nn {

struct Parameter {
  std::string name;
  Tensor value, gradient;   // views of the flat memory, f32
  std::int64_t offset = 0;  // in elements
  bool decays = false;
};

class Parameters {
 public:
  // Calls `build` twice: once to learn names and shapes, once with a source that copies `from` into
  // the flat memory and marks every parameter trainable (Tensor::variable = -1 - index).
  // Throws out_of_memory, and whatever `from` throws.
  Parameters(const std::function<void(WeightSource&)>& build, WeightSource& from);

  const std::vector<Parameter>& list() const { return list_; }
  // What a tape is told of them: where the values lie, and one gradient for each of list().
  //   tape.bind(parameters.storage(), parameters.gradient_tensors());
  const StorageRef& storage() const { return weights_.storage(); }
  std::span<const Tensor> gradient_tensors() const { return gradient_tensors_; }
  // All elements, padding between parameters included (it is and stays zero).
  std::span<float> weights() const { return span_of(weights_); }
  std::span<float> gradients() const { return span_of(gradients_); }
  // The leading part that decays: all matrices.
  std::int64_t decaying_elements() const { return decaying_; }

 private:
  static std::span<float> span_of(const Tensor& t) {
    return {t.data<float>(), static_cast<std::size_t>(t.elements())};
  }

  std::vector<Parameter> list_;
  std::vector<Tensor> gradient_tensors_;
  Tensor weights_, gradients_;
  std::int64_t decaying_ = 0;
};

}  // namespace stemma::nn
