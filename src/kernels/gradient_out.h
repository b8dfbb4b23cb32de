// Tells a backward kernel where to write a gradient, whether to add to what is there, and, by being
// empty, that nobody wants it.
#pragma once

#include "tensor/tensor.h"

namespace stemma::kernels {

// An empty tensor: the gradient is not wanted and is not computed. add: add to what is there,
// otherwise overwrite.
struct GradientOut {
  Tensor tensor;
  bool add = false;
  explicit operator bool() const { return static_cast<bool>(tensor); }
};

}  // namespace stemma::kernels
