// Where a model's parameters come from: fresh numbers, a checkpoint, an import, or nowhere (a
// survey that only writes down what is asked for). A model asks for every parameter once, by its
// ParameterSpec, when it is built; names and shapes do not depend on how the model is run.
#pragma once

#include <functional>
#include <vector>

#include "nn/parameter_spec.h"
#include "tensor/weight.h"

namespace stemma::nn {

class WeightSource {
 public:
  virtual ~WeightSource() = default;
  // The parameter, in the encoding in which it is stored; a vector always in f32 rows. Throws
  // not_found or corrupt when a file lacks it or has another shape.
  virtual Weight load(const ParameterSpec& spec) = 0;
};

// Builds a model from the source that it is given.
using Build = std::function<void(WeightSource&)>;

// Every parameter that `build` asks for, in its order, without any memory for their values. What is
// built must not be run.
std::vector<ParameterSpec> survey(const Build& build);

}  // namespace stemma::nn
