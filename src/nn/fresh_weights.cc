#include "nn/fresh_weights.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <span>

#include "base/hash.h"
#include "base/philox.h"

namespace stemma::nn {
namespace {

// Box and Muller 1958; four normals from the four values of one counter.
std::array<double, 4> normals(PhiloxKey key, std::uint64_t counter) {
  const auto bits = philox(
      key, {static_cast<std::uint32_t>(counter), static_cast<std::uint32_t>(counter >> 32), 0, 0});
  std::array<double, 4> out{};
  for (std::size_t i = 0; i < 4; i += 2) {
    const double u = (bits[i] + 1.0) * 0x1p-32;  // (0, 1]
    const double angle = 2 * std::numbers::pi * bits[i + 1] * 0x1p-32;
    const double radius = std::sqrt(-2 * std::log(u));
    out[i] = radius * std::cos(angle);
    out[i + 1] = radius * std::sin(angle);
  }
  return out;
}

}  // namespace

void FreshWeights::fill(std::string_view name, const Tensor& tensor, Init init) const {
  const std::span<float> values(tensor.data<float>(), static_cast<std::size_t>(tensor.elements()));
  if (init.kind != Init::Kind::normal) {
    std::fill(values.begin(), values.end(), init.kind == Init::Kind::ones ? 1.0f : 0.0f);
    return;
  }
  const PhiloxKey key = philox_key(hash64(name, seed_));
  for (std::size_t i = 0; i < values.size(); i += 4) {
    const auto four = normals(key, i / 4);
    for (std::size_t j = i; j < std::min(i + 4, values.size()); ++j)
      values[j] = static_cast<float>(init.stddev * four[j - i]);
  }
}

Weight FreshWeights::matrix(std::string_view name, std::int64_t out, std::int64_t in, Init init) {
  Tensor value = Tensor::empty({out, in}, DType::f32);
  fill(name, value, init);
  return Weight(std::move(value));
}

Tensor FreshWeights::vector(std::string_view name, std::int64_t size, Init init) {
  Tensor value = Tensor::empty({size}, DType::f32);
  fill(name, value, init);
  return value;
}

}  // namespace stemma::nn
