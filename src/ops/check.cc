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

void check_trainable(std::string_view operation, const Weight& weight) {
  if (weight.value().variable() == 0 || weight.trainable_storage()) return;
  throw Error(ErrorCode::unsupported,
              fmt::format("[{}] no gradient to a weight {} in {} of {}: only rows of f32 can be "
                          "trained. Freeze it and train LoRA adapters beside it, or load it as f32",
                          operation, weight.shape().to_string(), to_string(weight.layout()),
                          to_string(weight.encoding())));
}

}  // namespace stemma::ops
