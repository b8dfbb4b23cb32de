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

// One parameter's elements, drawn by counter.
void fill_fresh(std::uint64_t seed, const ParameterSpec& spec, std::span<float> values) {
  if (spec.init.kind != Init::Kind::normal) {
    std::fill(values.begin(), values.end(), spec.init.kind == Init::Kind::ones ? 1.0f : 0.0f);
    return;
  }
  const PhiloxKey key = philox_key(hash64(spec.name, seed));
  for (std::size_t i = 0; i < values.size(); i += 4) {
    const auto four = normals(key, i / 4);
    for (std::size_t j = i; j < std::min(i + 4, values.size()); ++j)
      values[j] = static_cast<float>(spec.init.stddev * four[j - i]);
  }
}

}  // namespace

Weight FreshWeights::load(const ParameterSpec& spec) {
  Tensor value = Tensor::empty(spec.shape, DType::f32);
  fill_fresh(seed_, spec, {value.data<float>(), static_cast<std::size_t>(value.elements())});
  return Weight(std::move(value));
}

}  // namespace stemma::nn
