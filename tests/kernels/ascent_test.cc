#include "kernels/ascent.h"

#include <cmath>

#include "tests/base/expect_error.h"
#include "tests/kernels/row_kernels_support.h"

namespace stemma::kernels {
namespace {

using namespace stemma::test;

// The third sequence is empty.
const std::vector<std::int64_t> kAscentOffsets{0, 3, 4, 4, 9};

double norm_of(const Tensor& x, std::int64_t begin, std::int64_t end) {
  double squares = 0;
  for (std::int64_t i = begin; i < end; ++i)
    for (std::int64_t c = 0; c < x.cols(); ++c) squares += get(x, i, c) * get(x, i, c);
  return std::sqrt(squares);
}

// Against the formula in double, with and without a projection. Columns behind a view stay.
TEST(Ascent, IsAStepAlongTheGradientOfEachSequence) {
  Stream stream(2);
  for (const DType type : {DType::f32, DType::f64})
    for (const double radius : {0.5, 1e6}) {
      const Tensor gradient = random_matrix(9, 37, type, 1, 3), delta = strided(9, 37, 5, type);
      const Tensor before = random_matrix(9, 37, type, 2);
      fill_random(delta, 2);
      const BallStep ball{0.7, radius};
      ascend_in_ball(stream, kAscentOffsets, gradient, ball, delta);
      for (std::size_t s = 0; s + 1 < kAscentOffsets.size(); ++s) {
        const std::int64_t begin = kAscentOffsets[s], end = kAscentOffsets[s + 1];
        const double norm = norm_of(gradient, begin, end);
        double squares = 0;
        const auto stepped = [&](std::int64_t i, std::int64_t c) {
          return get(before, i, c) + ball.step * get(gradient, i, c) / norm;
        };
        for (std::int64_t i = begin; i < end; ++i)
          for (std::int64_t c = 0; c < 37; ++c) squares += stepped(i, c) * stepped(i, c);
        const double shrink = std::min(1.0, radius / std::sqrt(squares));
        for (std::int64_t i = begin; i < end; ++i)
          for (std::int64_t c = 0; c < 37; ++c)
            ASSERT_NEAR(get(delta, i, c), shrink * stepped(i, c), type == DType::f64 ? 1e-14 : 1e-6)
                << s << " " << i << " " << c;
      }
      EXPECT_TRUE(gap_untouched(delta, 5));
    }
}

TEST(Ascent, TakesNoStepWhereTheGradientIsZero) {
  Stream stream(2);
  const Tensor gradient = random_matrix(9, 8, DType::f32, 1);
  std::fill_n(gradient.data<float>(), 3 * 8, 0.0f);
  const Tensor delta = Tensor::empty({9, 8}, DType::f32);
  std::fill_n(delta.data<float>(), delta.elements(), 0.0f);
  ascend_in_ball(stream, kAscentOffsets, gradient, {2, 2}, delta);
  EXPECT_EQ(norm_of(delta, 0, 3), 0);
  EXPECT_NEAR(norm_of(delta, 3, 4), 2, 1e-6);
  EXPECT_NEAR(norm_of(delta, 4, 9), 2, 1e-6);
}

TEST(Ascent, GivesTheSameBitsForAnyThreadCount) {
  const Tensor gradient = random_matrix(9, 1000, DType::f32, 1);
  expect_same_bits([&](Stream& stream) {
    const Tensor delta = random_matrix(9, 1000, DType::f32, 2);
    ascend_in_ball(stream, kAscentOffsets, gradient, {0.3, 0.6}, delta);
    return bytes_of(delta);
  });
}

TEST(Ascent, RefusesOffsetsThatDoNotCutTheRows) {
  Stream stream(1);
  const Tensor x = random_matrix(9, 4, DType::f32, 1);
  for (const std::vector<std::int64_t>& offsets :
       {std::vector<std::int64_t>{}, {0, 8}, {1, 9}, {0, 10, 9}, {0, 5, 4, 9}})
    EXPECT_ERROR(ascend_in_ball(stream, offsets, x, {1, 1}, x), ErrorCode::invalid_argument,
                 "offsets must ascend");
  EXPECT_ERROR(
      ascend_in_ball(stream, kAscentOffsets, random_matrix(9, 5, DType::f32, 1), {1, 1}, x),
      ErrorCode::invalid_argument, "gradient");
}

}  // namespace
}  // namespace stemma::kernels
