// MatmulArgs filled from tensors.
#include "kernels/matmul.h"
#include "tests/kernels/row_kernels_support.h"

namespace stemma::kernels {
namespace {

using namespace stemma::test;

TEST(MatmulFromTensors, GivesTheProductWithItsEpilogue) {
  Stream stream(2);
  const Tensor x = random_matrix(5, 7, DType::f32, 1, 2), w = random_matrix(4, 7, DType::f32, 2);
  const Tensor bias = random_vector(4, DType::f32, 3);
  const Tensor residual = random_matrix(5, 4, DType::f32, 4, 3);
  const Tensor y = strided(5, 4, 2, DType::f32), pre = strided(5, 4, 2, DType::f32);
  MatmulArgs args;
  set_output(args, y);
  args.k = 7;
  args.a = rows_of(x);
  args.b = transposed_of(w);
  set_bias(args, bias);
  set_pre(args, pre);
  set_residual(args, residual);
  matmul(stream, args);
  for (std::int64_t r = 0; r < 5; ++r)
    for (std::int64_t c = 0; c < 4; ++c) {
      double sum = get(bias, 0, c);
      for (std::int64_t k = 0; k < 7; ++k) sum += get(x, r, k) * get(w, c, k);
      EXPECT_NEAR(get(pre, r, c), sum, 1e-5);
      EXPECT_NEAR(get(y, r, c), sum + get(residual, r, c), 1e-5);
    }
  EXPECT_TRUE(gap_untouched(y, 2));
  EXPECT_TRUE(gap_untouched(pre, 2));
}

TEST(MatmulFromTensors, EmptyOnesAreNone) {
  MatmulArgs args;
  set_output(args, Tensor::zeros({2, 3}, DType::f64), true);
  EXPECT_EQ(args.m, 2);
  EXPECT_EQ(args.n, 3);
  EXPECT_EQ(args.c_dtype, DType::f64);
  EXPECT_TRUE(args.accumulate);
  set_bias(args, {});
  set_pre(args, {});
  set_residual(args, {});
  EXPECT_EQ(args.bias, nullptr);
  EXPECT_EQ(args.pre, nullptr);
  EXPECT_EQ(args.residual, nullptr);
}

TEST(MatmulFromTensors, RefusesWhatDoesNotFitTheOutput) {
  MatmulArgs args;
  const Tensor y = Tensor::zeros({2, 3}, DType::f32);
  set_output(args, y);
  expect_refused([&] { set_bias(args, Tensor::zeros({4}, DType::f32)); }, "bias must be [3]");
  expect_refused(
      [&] {
        set_residual(args, Tensor::zeros({3, 3}, DType::f32));
      },
      "residual must be [2, 3] as the output is, got [3, 3]");
  expect_refused([&] { set_pre(args, Tensor::zeros({2, 2}, DType::f32)); }, "pre must be [2, 3]");
  expect_refused([&] { set_pre(args, Tensor::zeros({2, 3}, DType::bf16)); }, "pre must be f32");
  expect_refused([&] { set_pre(args, strided(2, 3, 1, DType::f32)); }, "3 elements apart");
}

}  // namespace
}  // namespace stemma::kernels
