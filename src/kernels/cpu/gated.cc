#include "kernels/gated.h"

#include "kernels/cpu/activation.h"
#include "kernels/cpu/highway_paths.h"
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/gated.cc"
#include <hwy/foreach_target.h>

#include "kernels/cpu/activation-inl.h"
#include "kernels/cpu/kernel_rows.h"
#include "kernels/cpu/vector_math-inl.h"

#ifndef STEMMA_KERNELS_CPU_GATED_ARGUMENTS
#define STEMMA_KERNELS_CPU_GATED_ARGUMENTS
namespace stemma::kernels {

// A piece of one row: both halves of x and what comes out of them.
template <class X, class Y>
struct GatedPiece {
  const X* gate = nullptr;
  const X* up = nullptr;
  Y* y = nullptr;
};

template <class X, class T>
struct GatedBackwardPiece {
  const X* gate = nullptr;
  const X* up = nullptr;
  const T* dy = nullptr;
  T* dgate = nullptr;
  T* dup = nullptr;
  bool add = false;
};

}  // namespace stemma::kernels
#endif

HWY_BEFORE_NAMESPACE();
namespace stemma::kernels::HWY_NAMESPACE {

template <Activation kind, class X, class Y>
void gated_piece(const GatedPiece<X, Y>& a, std::int64_t count) {
  const F32 d;
  for_vectors(d, static_cast<std::size_t>(count),
              [&](std::size_t, std::size_t i, std::size_t n) STEMMA_LANES {
                const auto gate = activated<kind>(d, load(d, a.gate + i, n));
                store(d, hn::Mul(gate, load(d, a.up + i, n)), a.y + i, n);
              });
}

template <Activation kind, class X>
void gated_backward_piece(const GatedBackwardPiece<X, float>& a, std::int64_t count) {
  const F32 d;
  for_vectors(d, static_cast<std::size_t>(count),
              [&](std::size_t, std::size_t i, std::size_t n) STEMMA_LANES {
                const auto gate = load(d, a.gate + i, n), dy = load(d, a.dy + i, n);
                auto dgate =
                    hn::Mul(hn::Mul(dy, load(d, a.up + i, n)), activation_slope<kind>(d, gate));
                auto dup = hn::Mul(dy, activated<kind>(d, gate));
                if (a.add) {
                  dgate = hn::Add(load(d, a.dgate + i, n), dgate);
                  dup = hn::Add(load(d, a.dup + i, n), dup);
                }
                store(d, dgate, a.dgate + i, n);
                store(d, dup, a.dup + i, n);
              });
}

}  // namespace stemma::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace stemma::kernels {
namespace {

template <class X, class Y>
using GatedKernel = void (*)(const GatedPiece<X, Y>&, std::int64_t);
template <class X, class T>
using GatedBackwardKernel = void (*)(const GatedBackwardPiece<X, T>&, std::int64_t);

template <Activation kind>
void piece_f64(const GatedPiece<double, double>& a, std::int64_t count) {
  for (std::int64_t i = 0; i < count; ++i) {
    double gate = 0;
    cpu::activate(kind, a.gate + i, &gate, 1);
    a.y[i] = gate * a.up[i];
  }
}

template <Activation kind>
void backward_piece_f64(const GatedBackwardPiece<double, double>& a, std::int64_t count) {
  for (std::int64_t i = 0; i < count; ++i) {
    double gate = 0, dgate = a.dy[i] * a.up[i];
    cpu::activate(kind, a.gate + i, &gate, 1);
    cpu::activate_gradient(kind, a.gate + i, &dgate, &dgate, 1);
    a.dgate[i] = (a.add ? a.dgate[i] : 0) + dgate;
    a.dup[i] = (a.add ? a.dup[i] : 0) + a.dy[i] * gate;
  }
}

template <Activation kind, class X, class Y>
GatedKernel<X, Y> kernel_of() {
  if constexpr (std::is_same_v<X, double>)
    return &piece_f64<kind>;
  else
    return STEMMA_PICK_PATH(gated_piece<kind, X, Y>);
}

template <class X, class Y>
GatedKernel<X, Y> kernel_for(Gate gate) {
  switch (gate) {
    case Gate::silu:
      break;
    case Gate::gelu_tanh:
      return kernel_of<Activation::gelu_tanh, X, Y>();
    case Gate::gelu_erf:
      return kernel_of<Activation::gelu_erf, X, Y>();
  }
  return kernel_of<Activation::silu, X, Y>();
}

template <Activation kind, class X, class T>
GatedBackwardKernel<X, T> backward_kernel_of() {
  if constexpr (std::is_same_v<X, double>)
    return &backward_piece_f64<kind>;
  else
    return STEMMA_PICK_PATH(gated_backward_piece<kind, X>);
}

template <class X, class T>
GatedBackwardKernel<X, T> backward_kernel_for(Gate gate) {
  switch (gate) {
    case Gate::silu:
      break;
    case Gate::gelu_tanh:
      return backward_kernel_of<Activation::gelu_tanh, X, T>();
    case Gate::gelu_erf:
      return backward_kernel_of<Activation::gelu_erf, X, T>();
  }
  return backward_kernel_of<Activation::silu, X, T>();
}

template <class X, class Y>
void run_gated(Stream& stream, Gate gate, const Tensor& x, const Tensor& y) {
  const GatedKernel<X, Y> kernel = kernel_for<X, Y>(gate);
  const X* const from = x.data<X>();
  Y* const to = y.data<Y>();
  const std::int64_t hidden = y.cols();
  cpu::for_pieces(stream, y.rows(), hidden, false,
                  [&](std::int64_t row, std::int64_t first, std::int64_t count) {
                    const X* const at = from + row * x.row_stride() + first;
                    kernel({at, at + hidden, to + row * y.row_stride() + first}, count);
                  });
}

template <class X, class T>
void run_gated_backward(Stream& stream, Gate gate, const Tensor& x, const Tensor& dy,
                        const GradientOut& dx) {
  const GatedBackwardKernel<X, T> kernel = backward_kernel_for<X, T>(gate);
  const X* const from = x.data<X>();
  const T* const grad = dy.data<T>();
  T* const to = dx.tensor.data<T>();
  const std::int64_t hidden = dy.cols();
  cpu::for_pieces(
      stream, dy.rows(), hidden, false,
      [&](std::int64_t row, std::int64_t first, std::int64_t count) {
        const X* const at = from + row * x.row_stride() + first;
        T* const out = to + row * dx.tensor.row_stride() + first;
        kernel({at, at + hidden, grad + row * dy.row_stride() + first, out, out + hidden, dx.add},
               count);
      });
}

}  // namespace

void gated_forward(Stream& stream, Gate gate, const Tensor& x, const Tensor& y) {
  cpu::check_matrix("gated", "x", x, y.rows(), 2 * y.cols());
  const DType from = x.dtype(), to = y.dtype();
  if (from == DType::f32 && to == DType::f32)
    run_gated<float, float>(stream, gate, x, y);
  else if (from == DType::f32 && to == DType::bf16)
    run_gated<float, bf16>(stream, gate, x, y);
  else if (from == DType::bf16 && to == DType::f32)
    run_gated<bf16, float>(stream, gate, x, y);
  else if (from == DType::bf16 && to == DType::bf16)
    run_gated<bf16, bf16>(stream, gate, x, y);
  else if (from == DType::f64 && to == DType::f64)
    run_gated<double, double>(stream, gate, x, y);
  else
    cpu::refuse_types("gated", x, y);
}

void gated_backward(Stream& stream, Gate gate, const Tensor& x, const Tensor& dy,
                    const GradientOut& dx) {
  if (!dx) return;
  cpu::check_matrix("gated_backward", "x", x, dy.rows(), 2 * dy.cols());
  cpu::check_matrix("gated_backward", "dx", dx.tensor, dy.rows(), 2 * dy.cols());
  const DType from = x.dtype(), type = dy.dtype();
  if (dx.tensor.dtype() != type) cpu::refuse_types("gated_backward", dy, dx.tensor);
  if (from == DType::f32 && type == DType::f32)
    run_gated_backward<float, float>(stream, gate, x, dy, dx);
  else if (from == DType::bf16 && type == DType::f32)
    run_gated_backward<bf16, float>(stream, gate, x, dy, dx);
  else if (from == DType::f64 && type == DType::f64)
    run_gated_backward<double, double>(stream, gate, x, dy, dx);
  else
    cpu::refuse_types("gated_backward", x, dy);
}

}  // namespace stemma::kernels
#endif
