#include "kernels/cpu/activation.h"

#include <cmath>
#include <numbers>

#include "kernels/cpu/highway_paths.h"
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/activation.cc"
#include <hwy/foreach_target.h>

#include "kernels/cpu/vector_math-inl.h"

HWY_BEFORE_NAMESPACE();
namespace stemma::kernels::HWY_NAMESPACE {

template <Activation kind>
void forward(const float* x, float* y, std::int64_t n) {
  const F32 d;
  for_vectors(d, static_cast<std::size_t>(n),
              [&](std::size_t, std::size_t i, std::size_t count) STEMMA_LANES {
                const auto v = load(d, x + i, count);
                if constexpr (kind == Activation::gelu_tanh)
                  store(d, gelu_tanh(d, v), y + i, count);
                else
                  store(d, gelu_erf(d, v), y + i, count);
              });
}

template <Activation kind>
void backward(const float* x, const float* dy, float* dx, std::int64_t n) {
  const F32 d;
  for_vectors(d, static_cast<std::size_t>(n),
              [&](std::size_t, std::size_t i, std::size_t count) STEMMA_LANES {
                const auto v = load(d, x + i, count);
                const auto g = load(d, dy + i, count);
                if constexpr (kind == Activation::gelu_tanh)
                  store(d, hn::Mul(g, gelu_tanh_slope(d, v)), dx + i, count);
                else
                  store(d, hn::Mul(g, gelu_erf_slope(d, v)), dx + i, count);
              });
}

}  // namespace stemma::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace stemma::kernels {
namespace {

constexpr double kRoot = 0.7978845608028653559;  // √(2/π)
constexpr double kCube = 0.044715;

double value(Activation activation, double x) {
  if (activation == Activation::gelu_tanh)
    return 0.5 * x * (1 + std::tanh(kRoot * (x + kCube * x * x * x)));
  if (activation == Activation::gelu_erf) return 0.5 * x * std::erfc(-x / std::numbers::sqrt2);
  return x;
}

double slope(Activation activation, double x) {
  if (activation == Activation::gelu_tanh) {
    const double t = std::tanh(kRoot * (x + kCube * x * x * x));
    return 0.5 * (1 + t) + 0.5 * x * (1 - t * t) * kRoot * (1 + 3 * kCube * x * x);
  }
  if (activation == Activation::gelu_erf)
    return 0.5 * std::erfc(-x / std::numbers::sqrt2) + x * std::exp(-0.5 * x * x) * 0.5 * kRoot;
  return 1;
}

}  // namespace

namespace cpu {

void activate(Activation activation, const float* x, float* y, std::int64_t n) {
  if (activation == Activation::gelu_tanh)
    STEMMA_PICK_PATH(forward<Activation::gelu_tanh>)(x, y, n);
  else if (activation == Activation::gelu_erf)
    STEMMA_PICK_PATH(forward<Activation::gelu_erf>)(x, y, n);
  else if (x != y)
    for (std::int64_t i = 0; i < n; ++i) y[i] = x[i];
}

void activate(Activation activation, const double* x, double* y, std::int64_t n) {
  for (std::int64_t i = 0; i < n; ++i) y[i] = value(activation, x[i]);
}

void activate_gradient(Activation activation, const float* x, const float* dy, float* dx,
                       std::int64_t n) {
  if (activation == Activation::gelu_tanh)
    STEMMA_PICK_PATH(backward<Activation::gelu_tanh>)(x, dy, dx, n);
  else if (activation == Activation::gelu_erf)
    STEMMA_PICK_PATH(backward<Activation::gelu_erf>)(x, dy, dx, n);
  else if (dy != dx)
    for (std::int64_t i = 0; i < n; ++i) dx[i] = dy[i];
}

void activate_gradient(Activation activation, const double* x, const double* dy, double* dx,
                       std::int64_t n) {
  for (std::int64_t i = 0; i < n; ++i) dx[i] = dy[i] * slope(activation, x[i]);
}

}  // namespace cpu
}  // namespace stemma::kernels
#endif
