#include "kernels/scale_columns.h"

#include "tests/kernels/row_kernels_support.h"

namespace stemma::kernels {
namespace {

using namespace stemma::test;

// Rows with gaps, with and without what is there already, against sums in double.
TEST(ScaleColumns, MatchesDouble) {
  for (const DType type : {DType::f32, DType::f64})
    for (const std::int64_t rows : {1, 255, 256, 700})
      for (const bool add : {false, true}) {
        Stream stream(2);
        const Tensor x = random_matrix(rows, 5, type, 1, 3), factors = random_matrix(5, 1, type, 2);
        const Tensor other = random_matrix(rows, 5, type, 4, 1);
        const Tensor y = random_matrix(rows, 5, type, 3, 2), sums = random_matrix(5, 1, type, 5);
        const Tensor before = random_matrix(rows, 5, type, 3),
                     sums_before = random_matrix(5, 1, type, 5);
        scale_columns(stream, x, factors, {y, add});
        sum_of_products(stream, x, other, {sums, add});
        stream.sync();
        const double bound = type == DType::f64 ? 1e-12 : 1e-6;
        for (std::int64_t c = 0; c < 5; ++c) {
          double sum = add ? get(sums_before, c, 0) : 0;
          for (std::int64_t r = 0; r < rows; ++r) {
            sum += get(x, r, c) * get(other, r, c);
            EXPECT_NEAR(get(y, r, c),
                        (add ? get(before, r, c) : 0) + get(x, r, c) * get(factors, c, 0), bound);
          }
          EXPECT_NEAR(get(sums, c, 0), sum, bound * static_cast<double>(rows));
        }
      }
}

TEST(ScaleColumns, AnyThreadCountGivesTheSameBits) {
  const Tensor x = random_matrix(700, 9, DType::f32, 1), f = random_matrix(9, 1, DType::f32, 2);
  std::vector<float> first;
  for (const int threads : {1, 2, 3}) {
    Stream stream(threads);
    const Tensor y = Tensor::zeros({700, 9}, DType::f32), s = Tensor::zeros({9, 1}, DType::f32);
    scale_columns(stream, x, f, {y});
    sum_of_products(stream, x, y, {s});
    stream.sync();
    std::vector<float> all(y.data<float>(), y.data<float>() + y.elements());
    all.insert(all.end(), s.data<float>(), s.data<float>() + 9);
    if (threads == 1) first = all;
    EXPECT_EQ(all, first);
  }
}

TEST(ScaleColumns, RefusesWrongShapes) {
  Stream stream(1);
  const Tensor x = random_matrix(4, 3, DType::f32, 1);
  EXPECT_THROW(scale_columns(stream, x, random_matrix(4, 1, DType::f32, 2), {x}), Error);
  EXPECT_THROW(sum_of_products(stream, x, random_matrix(4, 2, DType::f32, 2),
                               {random_matrix(3, 1, DType::f32, 3)}),
               Error);
}

}  // namespace
}  // namespace stemma::kernels
