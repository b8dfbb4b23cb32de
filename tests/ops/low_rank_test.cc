// Sums, low-rank changes, factors of columns and activations by themselves: gradients against
// finite differences, chosen rows against all rows.
#include "ops/low_rank.h"

#include "ops/activate.h"
#include "ops/add.h"
#include "ops/linear.h"
#include "tests/base/expect_error.h"
#include "tests/ops/gradient_check.h"

namespace stemma::ops {
namespace {

using kernels::Activation;

// A value that nobody else needs: sums are made in its memory.
Tensor product_of(Context& ctx, const Tensor& x, const Tensor& w) {
  return linear(ctx, x, Weight(w), {}, {.residual = {}, .stream = true});
}

TEST(LowRankGradient, OfASum) {
  check_gradients({random_tensor({5, 3}, 1), random_tensor({4, 3}, 2), random_tensor({5, 4}, 3)},
                  [](Context& ctx, const std::vector<Tensor>& in) {
                    return add(ctx, product_of(ctx, in[0], in[1]), in[2]);
                  });
  // The second addend goes elsewhere too.
  check_gradients({random_tensor({5, 3}, 1), random_tensor({4, 3}, 2), random_tensor({5, 4}, 3)},
                  [](Context& ctx, const std::vector<Tensor>& in) {
                    const Tensor y = activate(ctx, in[2], Activation::tanh, true);
                    return add(ctx, add(ctx, product_of(ctx, in[0], in[1]), y), y);
                  });
}

TEST(LowRankGradient, OfALowRankChange) {
  for (const std::int64_t first : {0, 2})
    check_gradients({random_tensor({5, 6}, 1), random_tensor({7, 6}, 2), random_tensor({5, 3}, 3),
                     random_tensor({4, 3}, 4)},
                    [&](Context& ctx, const std::vector<Tensor>& in) {
                      return add_low_rank(ctx, product_of(ctx, in[0], in[1]), in[2], Weight(in[3]),
                                          0.7, {.first_column = first, .rows = {}});
                    });
  // Two changes of one product, in its memory.
  for (const Recompute recompute : {Recompute::none, Recompute::activations})
    check_gradients(
        {random_tensor({5, 6}, 1), random_tensor({7, 6}, 2), random_tensor({5, 3}, 3),
         random_tensor({4, 3}, 4), random_tensor({3, 3}, 5)},
        [](Context& ctx, const std::vector<Tensor>& in) {
          const Tensor u = activate(ctx, in[2], Activation::tanh, true);
          Tensor y = product_of(ctx, in[0], in[1]);
          y = add_low_rank(ctx, y, u, Weight(in[3]), 0.7, {.first_column = 1, .rows = {}});
          y = add_low_rank(ctx, y, u, Weight(in[4]), -2, {.first_column = 3, .rows = {}});
          return activate(ctx, y, Activation::gelu_tanh);
        },
        recompute);
}

TEST(LowRankGradient, OfFactorsOfColumns) {
  check_gradients(
      {random_tensor({5, 3}, 1), random_tensor({3, 1}, 2)},
      [](Context& ctx, const std::vector<Tensor>& in) { return scale_columns(ctx, in[0], in[1]); });
  check_gradients({random_tensor({5, 4}, 1), random_tensor({3, 4}, 2), random_tensor({3, 1}, 3)},
                  [](Context& ctx, const std::vector<Tensor>& in) {
                    return scale_columns(ctx, product_of(ctx, in[0], in[1]), in[2]);
                  });
}

TEST(LowRankGradient, OfAnActivation) {
  for (const Activation activation :
       {Activation::none, Activation::gelu_tanh, Activation::gelu_erf, Activation::relu,
        Activation::silu, Activation::quick_gelu, Activation::tanh})
    for (const Recompute recompute : {Recompute::none, Recompute::activations})
      check_gradients(
          {random_tensor({5, 4}, 1), random_tensor({3, 4}, 2)},
          [&](Context& ctx, const std::vector<Tensor>& in) {
            // The value behind the activation goes to two places.
            const Tensor y = activate(ctx, product_of(ctx, in[0], in[1]), activation);
            return add(ctx, activate(ctx, y, Activation::tanh, true), y);
          },
          recompute);
}

// Rows of a batch that have the adapter: the same bits as without the others.
TEST(LowRankRows, AreThoseOfAllRows) {
  Stream stream(2);
  Context ctx(stream, Numerics::f32());
  const Weight b(random_tensor({4, 3}, 3, DType::f32));
  const Tensor u = random_tensor({2, 3}, 2, DType::f32);
  const auto fresh = [] { return random_tensor({5, 7}, 1, DType::f32); };
  const Tensor before = fresh();
  const std::vector<std::int32_t> rows{1, 4};
  const Tensor y = add_low_rank(ctx, fresh(), u, b, 0.7, {.first_column = 2, .rows = rows});
  Tensor chosen = Tensor::empty({2, 7}, DType::f32);
  for (std::size_t i = 0; i < rows.size(); ++i)
    std::copy_n(before.data<float>() + 7 * rows[i], 7, chosen.data<float>() + 7 * i);
  const Tensor alone = add_low_rank(ctx, chosen, u, b, 0.7, {.first_column = 2, .rows = {}});
  for (std::int64_t r = 0, i = 0; r < 5; ++r) {
    const bool changed = i < 2 && rows[static_cast<std::size_t>(i)] == r;
    const float* wanted = changed ? alone.data<float>() + 7 * i++ : before.data<float>() + 7 * r;
    for (std::int64_t c = 0; c < 7; ++c)
      EXPECT_EQ(y.data<float>()[7 * r + c], wanted[c]) << r << " " << c;
  }
}

TEST(LowRankRows, AndWrongShapesAreRefused) {
  Stream stream(1);
  Context ctx(stream, Numerics::f32());
  const Weight b(random_tensor({4, 3}, 3, DType::f32));
  const Tensor y = random_tensor({5, 7}, 1, DType::f32);
  EXPECT_ERROR(add_low_rank(ctx, y, random_tensor({5, 2}, 2, DType::f32), b, 1, {}),
               ErrorCode::invalid_argument, "u");
  EXPECT_ERROR(scale_columns(ctx, y, random_tensor({6, 1}, 2, DType::f32)),
               ErrorCode::invalid_argument, "e");
  EXPECT_ERROR(add(ctx, y, random_tensor({5, 6}, 2, DType::f32)), ErrorCode::invalid_argument, "y");
}

}  // namespace
}  // namespace stemma::ops
