// What the head of a task is made of: sums of rows and the loss of groups. Gradients against finite
// differences in f64, the loss against cross_entropy(), the same bits for any thread count.
#include <numeric>

#include "ops/combine_rows.h"
#include "ops/cross_entropy.h"
#include "ops/group_loss.h"
#include "ops/linear.h"
#include "tests/base/expect_error.h"
#include "tests/ops/gradient_check.h"

namespace stemma::ops {
namespace {

// Vectors of a first token, a mean, two texts' sum, a token twice, and one of nothing.
struct TermLists {
  std::vector<std::int32_t> to{0, 1, 1, 1, 2, 2, 4, 4, 0}, from{0, 1, 2, 3, 0, 5, 6, 6, 6};
  std::vector<float> weight{1, 1.0f / 3, 1.0f / 3, 1.0f / 3, 1, 1, 0.5f, -2, 0.25f};
  RowTerms terms() const { return {to, from, weight}; }
};

TEST(CombineRows, IsTheSumOfItsTerms) {
  const TermLists lists;
  Stream stream(1);
  Context ctx(stream, Numerics::f64());
  const Tensor x = random_tensor({7, 5}, 1);
  const Tensor y = combine_rows(ctx, x, lists.terms(), 5);
  ASSERT_EQ(y.shape(), Shape({5, 5}));
  for (std::int64_t row = 0; row < 5; ++row)
    for (std::int64_t c = 0; c < 5; ++c) {
      double wanted = 0;
      for (std::size_t j = 0; j < lists.to.size(); ++j)
        if (lists.to[j] == row)
          wanted += static_cast<double>(lists.weight[j]) * x.data<double>()[lists.from[j] * 5 + c];
      EXPECT_NEAR(y.data<double>()[row * 5 + c], wanted, 1e-15);
    }
}

TEST(CombineRows, HasTheGradientOfFiniteDifferences) {
  const TermLists lists;
  const auto combined = [&](Context& ctx, const Tensor& x) {
    return combine_rows(ctx, x, lists.terms(), 5);
  };
  check_gradients({random_tensor({7, 4}, 1)}, [&](Context& ctx, const std::vector<Tensor>& in) {
    return combined(ctx, in[0]);
  });
  // A variable and a parameter, each with a gradient from elsewhere too.
  check_roots({random_tensor({7, 4}, 1), random_tensor({7, 4}, 2)}, [&](Context& ctx,
                                                                        const std::vector<Tensor>&
                                                                            in) {
    return std::vector<Tensor>{combined(ctx, in[0]), combined(ctx, in[1]), combined(ctx, in[0])};
  });
}

// The lists that a pass was given are gone when its gradients are computed.
TEST(CombineRows, KeepsItsListsForTheBackwardPass) {
  check_gradients({random_tensor({7, 4}, 1)}, [](Context& ctx, const std::vector<Tensor>& in) {
    TermLists lists;
    const Tensor y = combine_rows(ctx, in[0], lists.terms(), 5);
    std::fill(lists.from.begin(), lists.from.end(), 1000);
    std::fill(lists.weight.begin(), lists.weight.end(), 1e9f);
    return y;
  });
}

TEST(CombineRows, RefusesRowsThatThereAreNot) {
  Stream stream(1);
  Context ctx(stream);
  const Tensor x = random_tensor({3, 2}, 1, DType::f32);
  const std::vector<std::int32_t> zero{0}, one{1}, three{3}, below{-1}, two_rows{0, 1};
  const std::vector<float> weight{1};
  EXPECT_ERROR(combine_rows(ctx, x, {one, zero, weight}, 1), ErrorCode::invalid_argument, "`to`");
  EXPECT_ERROR(combine_rows(ctx, x, {below, zero, weight}, 1), ErrorCode::invalid_argument, "`to`");
  EXPECT_ERROR(combine_rows(ctx, x, {zero, three, weight}, 1), ErrorCode::invalid_argument,
               "row 3 of `from`");
  EXPECT_ERROR(combine_rows(ctx, x, {zero, two_rows, weight}, 1), ErrorCode::invalid_argument,
               "1, 2 and 1");
  EXPECT_EQ(combine_rows(ctx, x, {}, 0).rows(), 0);
}

// Two examples of three classes, candidates of one to four, smoothed labels, a group of nothing.
struct RaggedTargets {
  std::vector<std::int64_t> offsets{0, 3, 6, 7, 11, 11, 12};
  std::vector<float> wanted{0.9f, 0.05f, 0.05f, 0, 1, 0, 1, 0.25f, 0.25f, 0.5f, 0, 1};
  std::vector<float> weight{1, 0.5f, 2, 0, 3, 1.5f};
  GroupTargets weighted() const { return {offsets, wanted, weight}; }
  GroupTargets plain() const { return {offsets, wanted, {}}; }
};

class GroupLossGradient : public testing::TestWithParam<GroupLoss> {};

TEST_P(GroupLossGradient, MatchesFiniteDifferences) {
  const RaggedTargets targets;
  for (const GroupTargets& each : {targets.weighted(), targets.plain()})
    for (const double scale : {1.0, 0.3, 0.0})
      check_gradients({random_tensor({12, 1}, 1)},
                      [&](Context& ctx, const std::vector<Tensor>& in) {
                        return group_loss(ctx, in[0], GetParam(), each, scale);
                      });
}

// Beside other losses on the same scores, which may be a variable or come from parameters.
TEST_P(GroupLossGradient, AddsToOtherLosses) {
  const RaggedTargets targets;
  check_roots({random_tensor({4, 3}, 1), random_tensor({4, 3}, 2), random_tensor({4, 5}, 3),
               random_tensor({3, 5}, 4)},
              [&](Context& ctx, const std::vector<Tensor>& in) {
                const Tensor scores = linear(ctx, in[2], Weight(in[3]), {});
                const auto loss = [&](const Tensor& z, double scale) {
                  return group_loss(ctx, z, GetParam(), targets.weighted(), scale);
                };
                return std::vector<Tensor>{loss(in[0], 0.5), loss(in[1], 0.7), loss(scores, 0.2),
                                           loss(scores, 1.1), loss(in[0], 0.1)};
              });
}

INSTANTIATE_TEST_SUITE_P(All, GroupLossGradient,
                         testing::Values(GroupLoss::softmax, GroupLoss::sigmoid,
                                         GroupLoss::squared));

// With one wanted class the softmax loss is that of predicting tokens.
TEST(GroupLoss, EqualsCrossEntropyForOneClass) {
  constexpr std::int64_t kRows = 9, kClasses = 7;
  Stream stream(2);
  Context ctx(stream);
  const Tensor h = random_tensor({kRows, 6}, 1, DType::f32);
  const Tensor w = random_tensor({kClasses, 6}, 2, DType::f32);
  const Tensor bias = random_tensor({kClasses}, 3, DType::f32);
  const Tensor logits = linear(ctx, h, Weight(w), bias, {.residual = {}, .stream = true});
  std::vector<std::int32_t> classes;
  std::vector<std::int64_t> offsets{0};
  std::vector<float> wanted(kRows * kClasses);
  for (std::int32_t i = 0; i < kRows; ++i) {
    classes.push_back(5 * i % 7);
    wanted[static_cast<std::size_t>(i * kClasses + classes.back())] = 1;
    offsets.push_back((i + 1) * kClasses);
  }
  const double theirs = *cross_entropy(ctx, h, Weight(w), bias, classes, 0.125).data<double>();
  const double ours =
      *group_loss(ctx, logits, GroupLoss::softmax, {offsets, wanted, {}}, 0.125).data<double>();
  EXPECT_NEAR(ours, theirs, 2e-6 * theirs);
  // Rows without a class are rows without weight.
  std::vector<float> weight(kRows, 1.0f);
  for (const std::size_t i : {std::size_t{2}, std::size_t{8}}) classes[i] = -1, weight[i] = 0;
  const double fewer = *cross_entropy(ctx, h, Weight(w), bias, classes, 0.125).data<double>();
  EXPECT_NEAR(
      *group_loss(ctx, logits, GroupLoss::softmax, {offsets, wanted, weight}, 0.125).data<double>(),
      fewer, 2e-6 * fewer);
}

TEST(GroupLoss, RefusesWhatDoesNotFit) {
  Stream stream(1);
  Context ctx(stream);
  const Tensor z = random_tensor({2, 3}, 1, DType::f32);
  const std::vector<float> six(6), five(5), one(1);
  const std::vector<std::int64_t> good{0, 3, 6}, late{1, 3, 6}, early{0, 3, 5}, back{0, 4, 3, 6};
  const auto with = [&](std::span<const std::int64_t> offsets, std::span<const float> wanted,
                        std::span<const float> weight) {
    group_loss(ctx, z, GroupLoss::softmax, {offsets, wanted, weight}, 1);
  };
  EXPECT_ERROR(with(late, six, {}), ErrorCode::invalid_argument, "offsets");
  EXPECT_ERROR(with(early, six, {}), ErrorCode::invalid_argument, "offsets");
  EXPECT_ERROR(with(back, six, {}), ErrorCode::invalid_argument, "offsets");
  EXPECT_ERROR(with({}, six, {}), ErrorCode::invalid_argument, "offsets");
  EXPECT_ERROR(with(good, five, {}), ErrorCode::invalid_argument, "6 logits");
  EXPECT_ERROR(with(good, six, one), ErrorCode::invalid_argument, "2 groups");
}

template <class T>
std::vector<T> copy_of(const Tensor& t) {
  return {t.data<T>(), t.data<T>() + t.elements()};
}

// A wide trunk and many answers, so that every worker has something to do.
TEST(HeadOps, GiveTheSameBitsForAnyThreadCount) {
  constexpr std::int64_t kRows = 700, kWidth = 300;
  std::vector<std::int32_t> to, from;
  std::vector<float> weight;
  for (std::int32_t j = 0; j < 3 * kRows; ++j) {
    to.push_back(j / 3);
    from.push_back(j * 7919 % kRows);
    weight.push_back(1.0f / static_cast<float>(1 + j % 5));
  }
  std::vector<std::int64_t> offsets{0};
  while (offsets.back() < kRows)
    offsets.push_back(std::min(kRows, offsets.back() + 1 + offsets.back() % 4));
  const std::vector<float> wanted(kRows, 0.5f);
  const auto outcome = [&](int threads) {
    Stream stream(threads);
    Context ctx(stream);
    Tape tape(ctx);
    ctx.set_tape(&tape);
    Tensor x = random_tensor({kRows, kWidth}, 1, DType::f32);
    Tensor w = random_tensor({1, kWidth}, 2, DType::f32);
    tape.input(x);
    const Tensor vectors = combine_rows(ctx, x, {to, from, weight}, kRows);
    const Tensor scores = linear(ctx, vectors, Weight(w), {}, {.residual = {}, .stream = true});
    const Tensor loss =
        group_loss(ctx, scores, GroupLoss::softmax, {offsets, wanted, {}}, 1.0 / kRows);
    std::vector<float> all = copy_of<float>(vectors);
    const double value = *loss.data<double>();
    tape.backward(loss);
    const std::vector<float> gradient = copy_of<float>(tape.take_gradient(x));
    all.insert(all.end(), gradient.begin(), gradient.end());
    return std::pair(all, value);
  };
  const auto one = outcome(1);
  for (const int threads : {2, 3, 5}) EXPECT_EQ(outcome(threads), one) << threads;
}

}  // namespace
}  // namespace stemma::ops
