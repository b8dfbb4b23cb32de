// The parameters that a run trains, as flat memory that an optimiser takes in one pass: weights and
// their gradients, first those that decay (matrices, tables), then the vectors. Frozen parameters
// stay as their source stores them and take neither gradient nor optimiser memory.
//
//   const Build build = [&](WeightSource& from) { model = build_model(config, from); };
//   Parameters parameters(build, source, stream);
//   parameters.weights(), parameters.gradients();  // spans over everything
//   parameters.list();                             // one by one, with names
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "device/stream.h"
#include "nn/weight_source.h"

namespace stemma::nn {

struct Parameter {
  ParameterSpec spec;
  Tensor value, gradient;   // views of the flat memory, f32
  std::int64_t offset = 0;  // in elements
};

// Whether the parameter of this name is trained.
using Trainable = std::function<bool(std::string_view name)>;

class Parameters {
 public:
  // Calls `build` twice: once to learn what the model asks for, once with a source that copies the
  // trainable parameters of `from` into the flat memory, marks them (Tensor::variable = -1 - index)
  // and hands out the others as they come. An empty `trainable` means all.
  // The copying runs on `stream`. Throws out_of_memory, and whatever `from` throws.
  Parameters(const Build& build, WeightSource& from, Stream& stream,
             const Trainable& trainable = {});

  const std::vector<Parameter>& list() const { return list_; }
  // What a tape is told of them: where the values lie, and one gradient for each of list().
  //   tape.bind(parameters.storage(), parameters.gradient_tensors());
  const StorageRef& storage() const { return weights_.storage(); }
  std::span<const Tensor> gradient_tensors() const { return gradient_tensors_; }
  // What is not trained, in its stored encoding.
  const std::vector<std::pair<ParameterSpec, Weight>>& frozen() const { return frozen_; }
  // All trainable elements, padding between parameters included (it is and stays zero).
  std::span<float> weights() const { return span_of(weights_); }
  std::span<float> gradients() const { return span_of(gradients_); }
  // The leading part that decays.
  std::int64_t decaying_elements() const { return decaying_; }

 private:
  static std::span<float> span_of(const Tensor& t) {
    return {t.data<float>(), static_cast<std::size_t>(t.elements())};
  }

  std::vector<Parameter> list_;
  std::vector<Tensor> gradient_tensors_;
  std::vector<std::pair<ParameterSpec, Weight>> frozen_;
  Tensor weights_, gradients_;
  std::int64_t decaying_ = 0;
};

}  // namespace stemma::nn
