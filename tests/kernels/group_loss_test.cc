#include "kernels/group_loss.h"

#include <limits>

#include "tests/kernels/row_kernels_support.h"

namespace stemma::kernels {
namespace {

using namespace stemma::test;

struct Losses {
  std::vector<double> values;
  std::vector<float> gradient;
};

Losses losses_of(GroupLoss kind, const std::vector<float>& logits, const GroupTargets& targets,
                 double scale, int threads = 1) {
  Stream stream(threads);
  const auto n = static_cast<std::int64_t>(logits.size());
  const auto groups = static_cast<std::int64_t>(targets.offsets.size()) - 1;
  const Tensor z = Tensor::zeros({n, 1}, DType::f32), d = Tensor::zeros({n, 1}, DType::f32);
  const Tensor losses = Tensor::zeros({groups, 1}, DType::f64);
  std::copy(logits.begin(), logits.end(), z.data<float>());
  group_loss_rows(stream, kind, z, targets, scale, losses, d);
  return {{losses.data<double>(), losses.data<double>() + groups},
          {d.data<float>(), d.data<float>() + n}};
}

// The formulas by hand for z = [-1.5, 0.25, 2], with exp and log of Python's math.
TEST(GroupLoss, KnownValues) {
  const std::vector<float> z{-1.5f, 0.25f, 2.0f};
  const std::vector<std::int64_t> offsets{0, 3};
  const std::vector<float> wanted{0.125f, 0.5f, 0.375f};
  const GroupTargets targets{offsets, wanted, {}};
  const auto expect = [&](GroupLoss kind, double loss, const std::vector<double>& gradient) {
    const Losses got = losses_of(kind, z, targets, 1);
    EXPECT_NEAR(got.values[0], loss, 1e-12);
    for (std::size_t i = 0; i < 3; ++i)
      EXPECT_NEAR(static_cast<double>(got.gradient[i]), gradient[i], 1e-7);
  };
  // exp: 0.22313016014842982, 1.2840254166877414, 7.38905609893065; sum 8.896211675766821.
  const double log_sum = 2.185625531713319;
  expect(
      GroupLoss::softmax, log_sum - (0.125 * -1.5 + 0.5 * 0.25 + 0.375 * 2),
      {0.22313016014842982 / 8.896211675766821 - 0.125,
       1.2840254166877414 / 8.896211675766821 - 0.5, 7.38905609893065 / 8.896211675766821 - 0.375});
  // log(1 + exp z): 0.2014132779827524, 0.8259394198788436, 2.1269280110429727.
  expect(GroupLoss::sigmoid,
         0.2014132779827524 + 0.8259394198788436 + 2.1269280110429727 -
             (0.125 * -1.5 + 0.5 * 0.25 + 0.375 * 2),
         {0.18242552380635635 - 0.125, 0.5621765008857981 - 0.5, 0.8807970779778823 - 0.375});
  expect(GroupLoss::squared, 1.625 * 1.625 + 0.25 * 0.25 + 1.625 * 1.625, {-3.25, -0.5, 3.25});
}

TEST(GroupLoss, WeightsAndScale) {
  const std::vector<float> z{1, -2, 0.5f, 3};
  const std::vector<std::int64_t> offsets{0, 3, 3, 4};
  const std::vector<float> wanted{0, 1, 0, 1}, weight{2, 5, 0.5f};
  for (const GroupLoss kind : {GroupLoss::softmax, GroupLoss::sigmoid, GroupLoss::squared}) {
    const Losses plain = losses_of(kind, z, {offsets, wanted, {}}, 1);
    const Losses weighted = losses_of(kind, z, {offsets, wanted, weight}, 0.25);
    // The losses have no scale (their sum gets it), the gradients have.
    EXPECT_DOUBLE_EQ(weighted.values[0], 2 * plain.values[0]);
    EXPECT_EQ(weighted.values[1], 0);  // a group of nothing
    EXPECT_DOUBLE_EQ(weighted.values[2], 0.5 * plain.values[2]);
    for (std::size_t i = 0; i < 4; ++i)
      EXPECT_FLOAT_EQ(weighted.gradient[i], plain.gradient[i] * (i < 3 ? 0.5f : 0.125f));
  }
}

// Scores far from each other overflow nothing, and what is not wanted costs nothing.
TEST(GroupLoss, HugeScores) {
  const std::vector<float> z{1000, -1000, 88};
  const std::vector<std::int64_t> offsets{0, 3};
  const std::vector<float> first{1, 0, 0}, second{0, 1, 0};
  EXPECT_EQ(losses_of(GroupLoss::softmax, z, {offsets, first, {}}, 1).values[0], 0);
  EXPECT_EQ(losses_of(GroupLoss::softmax, z, {offsets, second, {}}, 1).values[0], 2000);
  EXPECT_EQ(losses_of(GroupLoss::sigmoid, z, {offsets, first, {}}, 1).values[0], 88);
  const Losses far = losses_of(GroupLoss::sigmoid, z, {offsets, second, {}}, 1);
  EXPECT_EQ(far.values[0], 2088);
  EXPECT_EQ(far.gradient, (std::vector<float>{1, -1, 1}));
  const float infinity = std::numeric_limits<float>::infinity();
  const Losses masked = losses_of(GroupLoss::softmax, {0, -infinity, 0}, {offsets, first, {}}, 1);
  EXPECT_NEAR(masked.values[0], std::log(2.0), 1e-15);
  EXPECT_EQ(masked.gradient, (std::vector<float>{-0.5f, 0, 0.5f}));
}

TEST(GroupLoss, SameBitsForAnyThreadCount) {
  std::vector<float> z, wanted;
  std::vector<std::int64_t> offsets{0};
  for (int i = 0; i < 5000; ++i) {
    z.push_back(static_cast<float>(std::sin(i)) * 9);
    wanted.push_back(static_cast<float>(i % 3) / 2);
    if (i % 4 == 3 || i % 11 == 0) offsets.push_back(i + 1);
  }
  if (offsets.back() != 5000) offsets.push_back(5000);
  for (const GroupLoss kind : {GroupLoss::softmax, GroupLoss::sigmoid, GroupLoss::squared}) {
    const Losses one = losses_of(kind, z, {offsets, wanted, {}}, 1.0 / 7, 1);
    for (const int threads : {2, 3, 4}) {
      const Losses many = losses_of(kind, z, {offsets, wanted, {}}, 1.0 / 7, threads);
      EXPECT_EQ(many.values, one.values);
      EXPECT_EQ(many.gradient, one.gradient);
    }
  }
}

TEST(GroupLoss, RefusesOtherOutputs) {
  Stream stream(1);
  const std::vector<std::int64_t> offsets{0, 3, 6};
  const std::vector<float> wanted(6);
  const GroupTargets targets{offsets, wanted, {}};
  const auto with = [&](const Tensor& z, const Tensor& losses, const Tensor& d) {
    group_loss_rows(stream, GroupLoss::softmax, z, targets, 1, losses, d);
  };
  const Tensor z = random_matrix(2, 3, DType::f32, 1), losses = Tensor::zeros({2, 1}, DType::f64);
  with(z, losses, {});  // no gradient wanted
  expect_refused([&] { with(z, Tensor::zeros({2, 1}, DType::f32), {}); }, "[2, 1] f64");
  expect_refused([&] { with(z, Tensor::zeros({3, 1}, DType::f64), {}); }, "[2, 1] f64");
  expect_refused([&] { with(z, losses, Tensor::zeros({3, 2}, DType::f32)); }, "gradient");
  expect_refused([&] { with(z, losses, Tensor::zeros({2, 3}, DType::f64)); }, "gradient");
  expect_refused([&] { with(random_matrix(2, 3, DType::f32, 1, 2), losses, {}); }, "gaps");
  expect_refused([&] { with(random_matrix(2, 3, DType::bf16, 1), losses, {}); }, "group_loss");
}

}  // namespace
}  // namespace stemma::kernels
