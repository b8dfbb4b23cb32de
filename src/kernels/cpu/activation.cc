#include "kernels/cpu/activation.h"

#include <cmath>
#include <numbers>

#include "kernels/cpu/highway_paths.h"
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/activation.cc"
#include <hwy/foreach_target.h>

#include "kernels/cpu/activation-inl.h"
#include "kernels/cpu/vector_math-inl.h"

HWY_BEFORE_NAMESPACE();
namespace stemma::kernels::HWY_NAMESPACE {

template <Activation kind>
void forward(const float* x, float* y, std::int64_t n) {
  const F32 d;
  for_vectors(d, static_cast<std::size_t>(n),
              [&](std::size_t, std::size_t i, std::size_t count) STEMMA_LANES {
                store(d, activated<kind>(d, load(d, x + i, count)), y + i, count);
              });
}

template <Activation kind>
void backward(const float* x, const float* dy, float* dx, std::int64_t n) {
  const F32 d;
  for_vectors(d, static_cast<std::size_t>(n),
              [&](std::size_t, std::size_t i, std::size_t count) STEMMA_LANES {
                const auto v = load(d, x + i, count);
                const auto g = load(d, dy + i, count);
                store(d, hn::Mul(g, activation_slope<kind>(d, v)), dx + i, count);
              });
}

}  // namespace stemma::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace stemma::kernels {
namespace {

constexpr double kRoot = 0.7978845608028653559;  // √(2/π)
constexpr double kCube = 0.044715;

constexpr double kQuick = 1.702;

double sigmoid_of(double x) { return 1 / (1 + std::exp(-x)); }

double value(Activation activation, double x) {
  switch (activation) {
    case Activation::none:
      return x;
    case Activation::gelu_tanh:
      return 0.5 * x * (1 + std::tanh(kRoot * (x + kCube * x * x * x)));
    case Activation::gelu_erf:
      return 0.5 * x * std::erfc(-x / std::numbers::sqrt2);
    case Activation::relu:
      return x < 0 ? 0 : x;
    case Activation::silu:
      return x * sigmoid_of(x);
    case Activation::quick_gelu:
      return x * sigmoid_of(kQuick * x);
    case Activation::tanh:
      return std::tanh(x);
  }
  return x;
}

// d(u σ(u)) / du, with 1 - σ(u) = σ(-u).
double silu_slope_of(double u) { return sigmoid_of(u) * (1 + u * sigmoid_of(-u)); }

double slope(Activation activation, double x) {
  switch (activation) {
    case Activation::none:
      return 1;
    case Activation::gelu_tanh: {
      const double t = std::tanh(kRoot * (x + kCube * x * x * x));
      return 0.5 * (1 + t) + 0.5 * x * (1 - t * t) * kRoot * (1 + 3 * kCube * x * x);
    }
    case Activation::gelu_erf:
      return 0.5 * std::erfc(-x / std::numbers::sqrt2) + x * std::exp(-0.5 * x * x) * 0.5 * kRoot;
    case Activation::relu:
      return x > 0 ? 1 : 0;
    case Activation::silu:
      return silu_slope_of(x);
    case Activation::quick_gelu:
      return silu_slope_of(kQuick * x);
    case Activation::tanh:
      return 1 / (std::cosh(x) * std::cosh(x));
  }
  return 1;
}

// The vector kernel of an activation on this machine's path; none has no kernel: null.
using Forward = void (*)(const float* x, float* y, std::int64_t n);
using Backward = void (*)(const float* x, const float* dy, float* dx, std::int64_t n);

Forward forward_of(Activation activation) {
  switch (activation) {
    case Activation::none:
      return nullptr;
    case Activation::gelu_tanh:
      return STEMMA_PICK_PATH(forward<Activation::gelu_tanh>);
    case Activation::gelu_erf:
      return STEMMA_PICK_PATH(forward<Activation::gelu_erf>);
    case Activation::relu:
      return STEMMA_PICK_PATH(forward<Activation::relu>);
    case Activation::silu:
      return STEMMA_PICK_PATH(forward<Activation::silu>);
    case Activation::quick_gelu:
      return STEMMA_PICK_PATH(forward<Activation::quick_gelu>);
    case Activation::tanh:
      return STEMMA_PICK_PATH(forward<Activation::tanh>);
  }
  return nullptr;
}

Backward backward_of(Activation activation) {
  switch (activation) {
    case Activation::none:
      return nullptr;
    case Activation::gelu_tanh:
      return STEMMA_PICK_PATH(backward<Activation::gelu_tanh>);
    case Activation::gelu_erf:
      return STEMMA_PICK_PATH(backward<Activation::gelu_erf>);
    case Activation::relu:
      return STEMMA_PICK_PATH(backward<Activation::relu>);
    case Activation::silu:
      return STEMMA_PICK_PATH(backward<Activation::silu>);
    case Activation::quick_gelu:
      return STEMMA_PICK_PATH(backward<Activation::quick_gelu>);
    case Activation::tanh:
      return STEMMA_PICK_PATH(backward<Activation::tanh>);
  }
  return nullptr;
}

}  // namespace

namespace cpu {

void activate(Activation activation, const float* x, float* y, std::int64_t n) {
  if (const Forward kernel = forward_of(activation))
    kernel(x, y, n);
  else if (x != y)
    for (std::int64_t i = 0; i < n; ++i) y[i] = x[i];
}

void activate(Activation activation, const double* x, double* y, std::int64_t n) {
  for (std::int64_t i = 0; i < n; ++i) y[i] = value(activation, x[i]);
}

void activate_gradient(Activation activation, const float* x, const float* dy, float* dx,
                       std::int64_t n) {
  if (const Backward kernel = backward_of(activation))
    kernel(x, dy, dx, n);
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
