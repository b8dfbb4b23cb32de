#include "train/orthogonality.h"

#include <cmath>
#include <vector>

#include "kernels/host.h"
#include "kernels/matmul.h"

namespace stemma::train {
namespace {

struct SmallProduct {
  kernels::Operand a, b;
  std::int64_t k = 0;
};

// to (+)= scale · a b, in f32 whatever the run multiplies in: ranks are few.
void multiply(Stream& stream, const SmallProduct& product, double scale, const Tensor& to,
              bool add) {
  kernels::MatmulArgs args;
  set_output(args, to, add);
  args.k = product.k;
  args.a = product.a;
  args.b = product.b;
  args.scale = static_cast<float>(scale);
  kernels::matmul(stream, args);
}

// Takes I from m and returns the norm of the rest.
double minus_identity(Stream& stream, const Tensor& m) {
  std::vector<float> values = kernels::to_host<float>(stream, m);
  const auto r = static_cast<std::size_t>(m.rows());
  double squares = 0;
  for (std::size_t i = 0; i < r; ++i) values[i * r + i] -= 1;
  for (const float value : values)
    squares += static_cast<double>(value) * static_cast<double>(value);
  kernels::copy_from_host(stream, std::span<const float>(values), m);
  return std::sqrt(squares);
}

}  // namespace

double rows_apart(Stream& stream, const Tensor& factor, double scale, const Tensor& gradient) {
  const Tensor m = Tensor::empty({factor.rows(), factor.rows()}, DType::f32);
  multiply(stream, {kernels::rows_of(factor), kernels::transposed_of(factor), factor.cols()}, 1, m,
           false);
  const double norm = minus_identity(stream, m);
  if (norm > 0)
    multiply(stream, {kernels::rows_of(m), kernels::rows_of(factor), factor.rows()},
             2 * scale / norm, gradient, true);
  stream.sync();  // m's memory ends here
  return norm;
}

double columns_apart(Stream& stream, const Tensor& factor, double scale, const Tensor& gradient) {
  const Tensor m = Tensor::empty({factor.cols(), factor.cols()}, DType::f32);
  multiply(stream, {kernels::transposed_of(factor), kernels::rows_of(factor), factor.rows()}, 1, m,
           false);
  const double norm = minus_identity(stream, m);
  if (norm > 0)
    multiply(stream, {kernels::rows_of(factor), kernels::rows_of(m), factor.cols()},
             2 * scale / norm, gradient, true);
  stream.sync();
  return norm;
}

}  // namespace stemma::train
