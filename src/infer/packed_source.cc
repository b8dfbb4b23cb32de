#include "infer/packed_source.h"

#include <fmt/format.h>

#include "base/error.h"
#include "kernels/matmul.h"

namespace stemma::infer {

DType weight_storage_named(std::string_view name) {
  if (name == "f32") return DType::f32;
  if (name == "bf16") return DType::bf16;
  if (name == "f16") return DType::f16;
  throw Error(ErrorCode::invalid_argument,
              fmt::format("[weights] '{}': use f32, bf16 or f16", name));
}

Weight PackedSource::matrix(std::string_view name, std::int64_t out, std::int64_t in,
                            nn::Init init) {
  return kernels::pack_weight(stream_, from_.matrix(name, out, in, init), storage_);
}

Tensor PackedSource::table(std::string_view name, std::int64_t rows, std::int64_t columns,
                           nn::Init init) {
  return from_.table(name, rows, columns, init);
}

Tensor PackedSource::vector(std::string_view name, std::int64_t size, nn::Init init) {
  return from_.vector(name, size, init);
}

}  // namespace stemma::infer
