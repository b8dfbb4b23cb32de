#include "ops/check.h"

#include <fmt/format.h>

#include "base/error.h"

namespace stemma::ops {

void check_shape(std::string_view operation, std::string_view argument, const Tensor& tensor,
                 const Shape& wanted) {
  if (tensor && tensor.shape() == wanted) return;
  throw Error(ErrorCode::invalid_argument,
              fmt::format("[{}] {} must be {}, got {}", operation, argument, wanted.to_string(),
                          tensor ? tensor.shape().to_string() : "nothing"));
}

}  // namespace stemma::ops
