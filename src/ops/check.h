// Shape checks of operations.
#pragma once

#include <string_view>

#include "tensor/tensor.h"

namespace stemma::ops {

// Throws invalid_argument "[operation] argument must be [..], got [..]".
void check_shape(std::string_view operation, std::string_view argument, const Tensor& tensor,
                 const Shape& wanted);

}  // namespace stemma::ops
