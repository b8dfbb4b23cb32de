#include "kernels/cross_entropy.h"

#include <optional>

#include "tests/kernels/row_kernels_support.h"

namespace stemma::kernels {
namespace {

using namespace stemma::test;

std::vector<double> run(Stream& stream, const Tensor& logits,
                        const std::vector<std::int32_t>& targets, std::optional<double> scale) {
  const Tensor losses = Tensor::zeros({static_cast<std::int64_t>(targets.size())}, DType::f64);
  for (std::int64_t i = 0; i < losses.elements(); ++i) losses.data<double>()[i] = -7;
  cross_entropy_rows(stream, logits, targets, scale, losses);
  return {losses.data<double>(), losses.data<double>() + losses.elements()};
}

Tensor copy_of(const Tensor& t, DType type) {
  const Tensor out = Tensor::zeros({t.rows(), t.cols()}, type);
  for (std::int64_t r = 0; r < t.rows(); ++r)
    for (std::int64_t c = 0; c < t.cols(); ++c) set(out, r, c, get(t, r, c));
  return out;
}

TEST(CrossEntropy, MatchesDoubleArithmeticOnEveryPath) {
  on_every_path([] {
    Stream stream(2);
    for (const std::int64_t cols : {1, 3, 17, 768, 1000, 5000, 50257})
      for (const std::optional<double> scale :
           {std::optional<double>(), std::optional(0.0), std::optional(0.125)}) {
        const Tensor logits = fill_random(strided(5, cols, 3, DType::f32), 1, 3);
        const Tensor before = copy_of(logits, DType::f64);
        const std::int32_t last = static_cast<std::int32_t>(cols - 1);
        const std::vector<std::int32_t> targets = {0, last, -1, last / 2, 0};
        const std::vector<double> losses = run(stream, logits, targets, scale);
        EXPECT_TRUE(gap_untouched(logits, 3));
        for (std::int64_t r = 0; r < 5; ++r) {
          const std::int32_t target = targets[static_cast<std::size_t>(r)];
          double max = -1e300, sum = 0;
          for (std::int64_t c = 0; c < cols; ++c) max = std::max(max, get(before, r, c));
          for (std::int64_t c = 0; c < cols; ++c) sum += std::exp(get(before, r, c) - max);
          const double loss = target < 0 ? 0 : std::log(sum) + max - get(before, r, target);
          EXPECT_NEAR(losses[static_cast<std::size_t>(r)], loss, 1e-6);
          for (std::int64_t c = 0; c < cols; ++c) {
            double expected = get(before, r, c);
            if (scale)
              expected = target < 0
                             ? 0
                             : (std::exp(expected - max) / sum - (c == target ? 1 : 0)) * *scale;
            ASSERT_NEAR(get(logits, r, c), expected, 5e-7 * scale.value_or(0)) << r << " " << c;
          }
        }
      }
  });
}

// torch.nn.functional.cross_entropy in f64.
TEST(CrossEntropy, MatchesPyTorchOnExtremeLogits) {
  const double values[2][4] = {{2.0, -1.0, 0.5, 30.0}, {1e4, -1e4, 1e4, 0.0}};
  const double gradients[2][4] = {{6.9144001069341112e-13, 3.4424771084669431e-14,
                                   1.5428112031905286e-13, -8.8018481392282411e-13},
                                  {0.5, 0, -0.5, 0}};
  on_every_path([&] {
    for (const DType type : {DType::f32, DType::f64}) {
      Stream stream(1);
      const Tensor logits = Tensor::zeros({2, 4}, type);
      for (int i = 0; i < 8; ++i) set(logits, i / 4, i % 4, values[i / 4][i % 4]);
      const std::vector<double> losses = run(stream, logits, {3, 2}, 1);
      EXPECT_NEAR(losses[0], 8.8018481392243677e-13, 1e-12);
      EXPECT_NEAR(losses[1], 0.69314718055994529, 1e-12);
      for (int i = 0; i < 8; ++i)
        EXPECT_NEAR(get(logits, i / 4, i % 4), gradients[i / 4][i % 4], 1e-12);
    }
  });
}

// Equal logits: the loss is log V, each probability 1 / V; 201,088 is gpt-oss's vocabulary.
TEST(CrossEntropy, KeepsDigitsOverLargeVocabularies) {
  constexpr std::int64_t kVocabulary = 201088;
  on_every_path([] {
    Stream stream(2);
    const Tensor logits = Tensor::zeros({2, kVocabulary}, DType::f32);
    for (std::int64_t c = 0; c < kVocabulary; ++c) set(logits, 1, c, c % 2 ? -0.75 : 1.5);
    const std::vector<double> losses = run(stream, logits, {5, 7}, 1);
    EXPECT_NEAR(losses[0], std::log(static_cast<double>(kVocabulary)), 1e-7);
    EXPECT_NEAR(losses[1], std::log(kVocabulary / 2 * (std::exp(1.5) + std::exp(-0.75))) + 0.75,
                1e-6);
    EXPECT_NEAR(get(logits, 0, 6) * kVocabulary, 1, 1e-6);
    double sum = 0;
    for (std::int64_t c = 0; c < kVocabulary; ++c) sum += get(logits, 1, c);
    EXPECT_NEAR(sum, 0, 1e-6);
  });
}

TEST(CrossEntropy, MasksAndNotANumbers) {
  Stream stream(1);
  const Tensor logits = random_matrix(2, 40, DType::f32, 1);
  for (std::int64_t c = 5; c < 40; ++c) set(logits, 0, c, -INFINITY);
  set(logits, 1, 3, NAN);
  const std::vector<double> losses = run(stream, logits, {1, 1}, 1);
  EXPECT_TRUE(std::isfinite(losses[0]));
  EXPECT_EQ(get(logits, 0, 20), 0);
  EXPECT_TRUE(std::isnan(losses[1]));
}

TEST(CrossEntropy, GradientMatchesFiniteDifferences) {
  Stream stream(2);
  const Tensor x = random_matrix(3, 11, DType::f64, 1);
  const std::vector<std::int32_t> targets = {4, 10, -1};
  const Tensor gradient = copy_of(x, DType::f64);
  run(stream, gradient, targets, 0.7);
  expect_gradient(x, gradient, [&] {
    const std::vector<double> losses = run(stream, x, targets, std::nullopt);
    return 0.7 * (losses[0] + losses[1] + losses[2]);
  });
}

TEST(CrossEntropy, SameBitsForAnyThreadsPathAndRows) {
  std::vector<std::int32_t> targets(30);
  for (int i = 0; i < 30; ++i) targets[static_cast<std::size_t>(i)] = i * 37;
  const auto produce = [&](Stream& stream, std::int64_t begin, std::int64_t end) {
    const Tensor logits = random_matrix(30, 5003, DType::f32, 1).slice_rows(begin, end);
    const std::vector<double> losses =
        run(stream, logits, {targets.begin() + begin, targets.begin() + end}, 0.5);
    std::vector<char> bytes = bytes_of(logits);
    bytes.resize(bytes.size() + losses.size() * 8);
    std::memcpy(bytes.data() + bytes.size() - losses.size() * 8, losses.data(), losses.size() * 8);
    return bytes;
  };
  expect_same_bits([&](Stream& stream) { return produce(stream, 0, 30); });
  Stream stream(2);
  const std::vector<char> all = produce(stream, 0, 30), one = produce(stream, 11, 12);
  EXPECT_EQ(std::memcmp(one.data(), all.data() + 11 * 5003 * 4, 5003 * 4), 0);
  EXPECT_EQ(std::memcmp(one.data() + 5003 * 4, all.data() + 30 * 5003 * 4 + 11 * 8, 8), 0);
}

TEST(CrossEntropy, RefusesTargetsOutOfTheVocabulary) {
  Stream stream(1);
  const Tensor logits = random_matrix(2, 10, DType::f32, 1);
  expect_refused([&] { run(stream, logits, {3, 10}, 0); }, "target 10 of row 1");
  expect_refused([&] { run(stream, logits, {3}, 0); }, "2 rows of logits");
  const std::vector<std::int32_t> two = {3, 4};
  expect_refused(
      [&] {
        cross_entropy_rows(stream, logits, two, std::nullopt, Tensor::zeros({2}, DType::f32));
      },
      "losses must be [2] f64");
  expect_refused([&] { run(stream, random_matrix(1, 10, DType::bf16, 1), {3}, 0); },
                 "no kernel for bf16");
}

}  // namespace
}  // namespace stemma::kernels
