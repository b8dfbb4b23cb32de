#include "kernels/elementwise.h"

#include <algorithm>

#include "kernels/cpu/activation.h"
#include "kernels/cpu/highway_paths.h"
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/elementwise.cc"
#include <hwy/foreach_target.h>

#include "kernels/cpu/kernel_rows.h"
#include "kernels/cpu/vector_math-inl.h"

HWY_BEFORE_NAMESPACE();
namespace stemma::kernels::HWY_NAMESPACE {

template <class X, class Y>
void convert_piece(const X* x, Y* y, std::int64_t count) {
  const F32 d;
  for_vectors(d, static_cast<std::size_t>(count),
              [&](std::size_t, std::size_t i, std::size_t n)
                  STEMMA_LANES { store(d, load(d, x + i, n), y + i, n); });
}

template <class T>
void add_piece(const T* x, T* y, std::int64_t count) {
  const hn::ScalableTag<T> d;
  for_vectors(d, static_cast<std::size_t>(count),
              [&](std::size_t, std::size_t i, std::size_t n) STEMMA_LANES {
                store(d, hn::Add(load(d, y + i, n), load(d, x + i, n)), y + i, n);
              });
}

}  // namespace stemma::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace stemma::kernels {
namespace {

// Elements of a bf16 piece that lie in f32 on the stack at a time.
constexpr std::int64_t kChunk = 1024;

template <class X, class Y>
void convert_typed(const X* x, Y* y, std::int64_t count) {
  if constexpr (std::is_same_v<X, double> || std::is_same_v<Y, double>) {
    for (std::int64_t i = 0; i < count; ++i) {
      if constexpr (sizeof(X) == 2)
        y[i] = static_cast<double>(to_float(x[i]));
      else if constexpr (std::is_same_v<Y, bf16>)
        y[i] = to_bf16(static_cast<float>(x[i]));
      else if constexpr (std::is_same_v<Y, f16>)
        y[i] = to_f16(static_cast<float>(x[i]));
      else
        y[i] = static_cast<Y>(x[i]);
    }
  } else {
    STEMMA_PICK_PATH(convert_piece<X, Y>)(x, y, count);
  }
}

// task(pointer into x, pointer into y, elements) for pieces of two matrices of one shape.
template <class X, class Y, class Task>
void for_pairs(Stream& stream, const Tensor& x, const Tensor& y, Task&& task) {
  const X* const from = x.data<X>();
  Y* const to = y.data<Y>();
  cpu::for_pieces(stream, x.rows(), x.cols(), x.contiguous() && y.contiguous(),
                  [&](std::int64_t row, std::int64_t first, std::int64_t count) {
                    task(from + row * x.row_stride() + first, to + row * y.row_stride() + first,
                         count);
                  });
}

template <class X>
void convert_from(Stream& stream, const Tensor& x, const Tensor& y) {
  const auto into = [&]<class Y>(Y) {
    for_pairs<X, Y>(stream, x, y, [](const X* from, Y* to, std::int64_t count) {
      convert_typed(from, to, count);
    });
  };
  if (y.dtype() == DType::f32)
    into(float{});
  else if (y.dtype() == DType::bf16)
    into(bf16{});
  else if (y.dtype() == DType::f16)
    into(f16{});
  else if (y.dtype() == DType::f64)
    into(double{});
  else
    cpu::refuse_types("convert", x, y);
}

template <class T>
void add_typed(Stream& stream, const Tensor& x, const GradientOut& out) {
  const auto add_kernel = STEMMA_PICK_PATH(add_piece<T>);
  for_pairs<T, T>(stream, x, out.tensor, [&](const T* from, T* to, std::int64_t count) {
    if (out.add)
      add_kernel(from, to, count);
    else
      convert_typed(from, to, count);
  });
}

template <class T>
void fill_typed(Stream& stream, const Tensor& y, T value) {
  T* const to = y.data<T>();
  cpu::for_pieces(stream, y.rows(), y.cols(), y.contiguous(),
                  [&](std::int64_t row, std::int64_t first, std::int64_t count) {
                    T* const piece = to + row * y.row_stride() + first;
                    std::fill(piece, piece + count, value);
                  });
}

template <class X, class Y>
void activate_typed(Stream& stream, Activation activation, const Tensor& x, const Tensor& y) {
  for_pairs<X, Y>(stream, x, y, [&](const X* from, Y* to, std::int64_t count) {
    if constexpr (std::is_same_v<X, Y> && !std::is_same_v<X, bf16>) {
      cpu::activate(activation, from, to, count);
    } else {
      float chunk[kChunk];
      for (std::int64_t begin = 0; begin < count; begin += kChunk) {
        const std::int64_t n = count - begin < kChunk ? count - begin : kChunk;
        convert_typed(from + begin, chunk, n);
        cpu::activate(activation, chunk, chunk, n);
        convert_typed(chunk, to + begin, n);
      }
    }
  });
}

// dx = dy · activation'(x) over three matrices.
template <class X, class T>
void activate_back(Stream& stream, Activation activation, const Tensor& x, const Tensor& dy,
                   const Tensor& dx) {
  const X* const in = x.data<X>();
  const T* const from = dy.data<T>();
  T* const to = dx.data<T>();
  const bool flat = x.contiguous() && dy.contiguous() && dx.contiguous();
  cpu::for_pieces(stream, x.rows(), x.cols(), flat,
                  [&](std::int64_t row, std::int64_t first, std::int64_t count) {
                    const X* px = in + row * x.row_stride() + first;
                    const T* pdy = from + row * dy.row_stride() + first;
                    T* pdx = to + row * dx.row_stride() + first;
                    if constexpr (std::is_same_v<X, T>) {
                      cpu::activate_gradient(activation, px, pdy, pdx, count);
                    } else {
                      float chunk[kChunk];
                      for (std::int64_t i = 0; i < count; i += kChunk) {
                        const std::int64_t n = count - i < kChunk ? count - i : kChunk;
                        convert_typed(px + i, chunk, n);
                        cpu::activate_gradient(activation, chunk, pdy + i, pdx + i, n);
                      }
                    }
                  });
}

}  // namespace

void convert(Stream& stream, const Tensor& x, const Tensor& y) {
  cpu::check_matrix("convert", "y", y, x.rows(), x.cols());
  if (x.dtype() == DType::f32)
    convert_from<float>(stream, x, y);
  else if (x.dtype() == DType::bf16)
    convert_from<bf16>(stream, x, y);
  else if (x.dtype() == DType::f16)
    convert_from<f16>(stream, x, y);
  else if (x.dtype() == DType::f64)
    convert_from<double>(stream, x, y);
  else
    cpu::refuse_types("convert", x, y);
}

void fill(Stream& stream, const Tensor& y, double value) {
  if (y.dtype() == DType::f32)
    fill_typed(stream, y, static_cast<float>(value));
  else if (y.dtype() == DType::bf16)
    fill_typed(stream, y, to_bf16(static_cast<float>(value)));
  else if (y.dtype() == DType::f16)
    fill_typed(stream, y, to_f16(static_cast<float>(value)));
  else if (y.dtype() == DType::f64)
    fill_typed(stream, y, value);
  else
    cpu::refuse_types("fill", y, y);
}

void sum_ascending(Stream& /*stream*/, const Tensor& x, double scale, const Tensor& out) {
  cpu::check_vector("sum_ascending", "x", x, x.elements(), DType::f64);
  cpu::check_vector("sum_ascending", "out", out, 1, DType::f64);
  const double* const from = x.data<double>();
  double sum = 0;
  for (std::int64_t i = 0; i < x.elements(); ++i) sum += from[i];
  *out.data<double>() = scale * sum;
}

void add(Stream& stream, const Tensor& x, const GradientOut& out) {
  if (!out) return;
  cpu::check_matrix("add", "out", out.tensor, x.rows(), x.cols());
  if (x.dtype() == DType::f32 && out.tensor.dtype() == DType::f32)
    add_typed<float>(stream, x, out);
  else if (x.dtype() == DType::f64 && out.tensor.dtype() == DType::f64)
    add_typed<double>(stream, x, out);
  else
    cpu::refuse_types("add", x, out.tensor);
}

void activation_forward(Stream& stream, Activation activation, const Tensor& x, const Tensor& y) {
  cpu::check_matrix("activation", "y", y, x.rows(), x.cols());
  const DType from = x.dtype(), to = y.dtype();
  if (from == DType::f32 && to == DType::f32)
    activate_typed<float, float>(stream, activation, x, y);
  else if (from == DType::f32 && to == DType::bf16)
    activate_typed<float, bf16>(stream, activation, x, y);
  else if (from == DType::bf16 && to == DType::f32)
    activate_typed<bf16, float>(stream, activation, x, y);
  else if (from == DType::bf16 && to == DType::bf16)
    activate_typed<bf16, bf16>(stream, activation, x, y);
  else if (from == DType::f64 && to == DType::f64)
    activate_typed<double, double>(stream, activation, x, y);
  else
    cpu::refuse_types("activation", x, y);
}

void activation_backward(Stream& stream, Activation activation, const Tensor& x, const Tensor& dy,
                         const Tensor& dx) {
  cpu::check_matrix("activation_backward", "dy", dy, x.rows(), x.cols());
  cpu::check_matrix("activation_backward", "dx", dx, x.rows(), x.cols());
  const DType from = x.dtype(), type = dy.dtype();
  if (dx.dtype() != type) cpu::refuse_types("activation_backward", dy, dx);
  if (from == DType::f32 && type == DType::f32)
    activate_back<float, float>(stream, activation, x, dy, dx);
  else if (from == DType::bf16 && type == DType::f32)
    activate_back<bf16, float>(stream, activation, x, dy, dx);
  else if (from == DType::f64 && type == DType::f64)
    activate_back<double, double>(stream, activation, x, dy, dx);
  else
    cpu::refuse_types("activation_backward", x, dy);
}

}  // namespace stemma::kernels
#endif
