// The checks that operations make of their arguments, with messages of one form.
//
//   check_shape("layer_norm", "gain", gain, {x.cols()});
#pragma once

#include <string_view>

#include "tensor/tensor.h"
#include "tensor/weight.h"

namespace stemma::ops {

// Throws invalid_argument "[operation] argument must be [..], got [..]".
void check_shape(std::string_view operation, std::string_view argument, const Tensor& tensor,
                 const Shape& wanted);
// Throws unsupported for a weight that asks for a gradient (variable other than 0) and is stored in
// anything but rows of f32 (f64 in tests).
void check_trainable(std::string_view operation, const Weight& weight);

}  // namespace stemma::ops
