#include "nn/packed_weights.h"

#include <fmt/format.h>

#include "base/error.h"
#include "kernels/elementwise.h"
#include "kernels/matmul.h"

namespace stemma::nn {

DType weight_storage_named(std::string_view name) {
  if (name == "f32") return DType::f32;
  if (name == "bf16") return DType::bf16;
  if (name == "f16") return DType::f16;
  throw Error(ErrorCode::invalid_argument,
              fmt::format("[weights] '{}': use f32, bf16 or f16", name));
}

Weight PackedWeights::load(const ParameterSpec& spec) {
  Weight weight = from_.load(spec);
  if (spec.role == Role::matrix) return kernels::pack_weight(stream_, weight, storage_, slabs_);
  const Tensor copy = Tensor::empty(weight.value().shape(), weight.dtype());
  kernels::convert(stream_, weight.value(), copy);
  return Weight(copy);
}

}  // namespace stemma::nn
