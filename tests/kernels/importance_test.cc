#include "kernels/importance.h"

#include <cmath>

#include "tests/kernels/row_kernels_support.h"

namespace stemma::kernels {
namespace {

using namespace stemma::test;

// Three steps against the formulas in double.
TEST(ImportanceKernel, MatchesDouble) {
  const std::int64_t rows = 7, cols = 5000;
  const Tensor s = Tensor::zeros({rows, cols}, DType::f32),
               u = Tensor::zeros({rows, cols}, DType::f32);
  std::vector<double> wanted_s(rows * cols), wanted_u(rows * cols);
  Stream stream(2);
  for (unsigned step = 0; step < 3; ++step) {
    const Tensor value = random_matrix(rows, cols, DType::f32, 2 * step);
    const Tensor gradient = random_matrix(rows, cols, DType::f32, 2 * step + 1);
    update_importance(stream, {0.85, 0.6, 0.25}, value, gradient, {s, u});
    stream.sync();
    for (std::int64_t r = 0; r < rows; ++r)
      for (std::int64_t c = 0; c < cols; ++c) {
        double& ws = wanted_s[static_cast<std::size_t>(r * cols + c)];
        double& wu = wanted_u[static_cast<std::size_t>(r * cols + c)];
        const double now = std::abs(get(value, r, c) * get(gradient, r, c) * 0.25);
        ws = 0.85 * ws + 0.15 * now;
        wu = 0.6 * wu + 0.4 * std::abs(now - ws);
        ASSERT_NEAR(get(s, r, c), ws, 1e-6);
        ASSERT_NEAR(get(u, r, c), wu, 1e-6);
      }
  }
}

TEST(ImportanceKernel, RefusesWrongShapes) {
  Stream stream(1);
  const Tensor x = random_matrix(4, 3, DType::f32, 1), y = random_matrix(3, 4, DType::f32, 1);
  EXPECT_THROW(update_importance(stream, {}, x, y, {x, x}), Error);
  EXPECT_THROW(update_importance(stream, {}, x, x, {x, y}), Error);
  const Tensor gaps = random_matrix(4, 3, DType::f32, 1, 2);
  EXPECT_THROW(update_importance(stream, {}, gaps, x, {x, x}), Error);
}

}  // namespace
}  // namespace stemma::kernels
