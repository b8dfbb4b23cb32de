// A few columns: scalar code.
#include "kernels/scale_columns.h"

#include <algorithm>

#include "kernels/cpu/kernel_rows.h"

namespace stemma::kernels {
namespace {

template <class T>
void scale_all(Stream& stream, const Tensor& x, const Tensor& factors, const GradientOut& out) {
  const T* const from = x.data<T>();
  const T* const f = factors.data<T>();
  T* const to = out.tensor.data<T>();
  cpu::for_rows(stream, x.rows(), x.cols(), [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i)
      for (std::int64_t j = 0; j < x.cols(); ++j) {
        const T value = from[i * x.row_stride() + j] * f[j];
        T& place = to[i * out.tensor.row_stride() + j];
        place = out.add ? place + value : value;
      }
  });
}

template <class T>
void sum_all(const Tensor& a, const Tensor& b, const GradientOut& out) {
  constexpr std::int64_t kBlock = 256;
  T* const to = out.tensor.data<T>();
  for (std::int64_t j = 0; j < a.cols(); ++j) {
    T total = 0;
    for (std::int64_t begin = 0; begin < a.rows(); begin += kBlock) {
      T sum = 0;
      for (std::int64_t i = begin; i < std::min(begin + kBlock, a.rows()); ++i)
        sum += a.data<T>()[i * a.row_stride() + j] * b.data<T>()[i * b.row_stride() + j];
      total += sum;
    }
    to[j] = out.add ? to[j] + total : total;
  }
}

}  // namespace

void scale_columns(Stream& stream, const Tensor& x, const Tensor& factors, const GradientOut& out) {
  if (!out) return;
  cpu::check_matrix("scale_columns", "out", out.tensor, x.rows(), x.cols());
  cpu::check_matrix("scale_columns", "factors", factors, x.cols(), 1);
  if (x.dtype() == DType::f32 && out.tensor.dtype() == DType::f32)
    scale_all<float>(stream, x, factors, out);
  else if (x.dtype() == DType::f64 && out.tensor.dtype() == DType::f64)
    scale_all<double>(stream, x, factors, out);
  else
    cpu::refuse_types("scale_columns", x, out.tensor);
}

void sum_of_products(Stream& /*stream*/, const Tensor& a, const Tensor& b, const GradientOut& out) {
  if (!out) return;
  cpu::check_matrix("sum_of_products", "b", b, a.rows(), a.cols());
  cpu::check_matrix("sum_of_products", "out", out.tensor, a.cols(), 1);
  if (a.dtype() == DType::f32 && b.dtype() == DType::f32)
    sum_all<float>(a, b, out);
  else if (a.dtype() == DType::f64 && b.dtype() == DType::f64)
    sum_all<double>(a, b, out);
  else
    cpu::refuse_types("sum_of_products", a, b);
}

}  // namespace stemma::kernels
