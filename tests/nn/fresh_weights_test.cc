#include "nn/fresh_weights.h"

#include <cmath>
#include <cstring>
#include <vector>

#include <gtest/gtest.h>

namespace stemma::nn {
namespace {

std::vector<float> matrix(std::uint64_t seed, const char* name, std::int64_t out, std::int64_t in,
                          double stddev = 1) {
  FreshWeights source(seed);
  const Weight w = source.load({name, {out, in}, Init::normal(stddev), Role::matrix, {}});
  const float* data = w.value().data<float>();
  return {data, data + out * in};
}

TEST(FreshWeights, ElementsAreAFunctionOfSeedNameAndIndex) {
  const std::vector<float> whole = matrix(1, "a.weight", 40, 50);
  EXPECT_EQ(matrix(1, "a.weight", 40, 50), whole);
  EXPECT_NE(matrix(2, "a.weight", 40, 50), whole);
  EXPECT_NE(matrix(1, "b.weight", 40, 50), whole);
  // Whatever else was asked for before.
  FreshWeights used(1);
  used.load({"x", {7}, Init::normal(1), Role::vector, {}});
  used.load({"b.weight", {3, 3}, Init::normal(1), Role::matrix, {}});
  const Weight again = used.load({"a.weight", {40, 50}, Init::normal(1), Role::matrix, {}});
  EXPECT_EQ(std::memcmp(again.value().raw(), whole.data(), whole.size() * sizeof(float)), 0);
  // A smaller matrix is the beginning, its tail not a multiple of four included.
  const std::vector<float> part = matrix(1, "a.weight", 3, 7);
  EXPECT_EQ(part, std::vector<float>(whole.begin(), whole.begin() + 21));
}

TEST(FreshWeights, StddevScales) {
  const std::vector<float> one = matrix(5, "w", 8, 8), half = matrix(5, "w", 8, 8, 0.5);
  for (std::size_t i = 0; i < one.size(); ++i) EXPECT_EQ(half[i], one[i] / 2);
}

TEST(FreshWeights, MomentsOfANormalDistribution) {
  const std::vector<float> x = matrix(3, "w", 1000, 1000);
  double m1 = 0, m2 = 0, m3 = 0, m4 = 0, lag = 0;
  int beyond2 = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    const auto v = static_cast<double>(x[i]);
    m1 += v;
    m2 += v * v;
    m3 += v * v * v;
    m4 += v * v * v * v;
    beyond2 += std::abs(v) > 2;
    if (i) lag += v * static_cast<double>(x[i - 1]);
  }
  // Five standard errors of each estimate: 1, √2, √15, √96, √(p (1 − p)), 1 over √n.
  const auto n = static_cast<double>(x.size());
  const double e = 5 / std::sqrt(n), tail = 0.0455003;  // P(|z| > 2)
  EXPECT_NEAR(m1 / n, 0, e);
  EXPECT_NEAR(m2 / n, 1, e * std::sqrt(2.0));
  EXPECT_NEAR(m3 / n, 0, e * std::sqrt(15.0));
  EXPECT_NEAR(m4 / n, 3, e * std::sqrt(96.0));
  EXPECT_NEAR(beyond2 / n, tail, e * std::sqrt(tail * (1 - tail)));
  EXPECT_NEAR(lag / n, 0, e);
}

TEST(FreshWeights, ZerosAndOnes) {
  FreshWeights source(1);
  const Tensor zeros = source.load({"bias", {37}, Init::zeros(), Role::vector, {}}).value(),
               ones = source.load({"gain", {37}, Init::ones(), Role::vector, {}}).value();
  for (int i = 0; i < 37; ++i) {
    EXPECT_EQ(zeros.data<float>()[i], 0.0f);
    EXPECT_EQ(ones.data<float>()[i], 1.0f);
  }
}

}  // namespace
}  // namespace stemma::nn
