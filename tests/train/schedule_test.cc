#include "train/schedule.h"

#include <cmath>

#include <gtest/gtest.h>

namespace stemma::train {
namespace {

TEST(Schedule, WarmsUpLinearlyThenFollowsHalfACosine) {
  const Schedule s{.peak = 1e-3, .minimum = 1e-4, .warmup = 10, .steps = 110};
  EXPECT_DOUBLE_EQ(s.at(1), 1e-4);
  EXPECT_DOUBLE_EQ(s.at(5), 5e-4);
  EXPECT_DOUBLE_EQ(s.at(10), 1e-3);
  EXPECT_DOUBLE_EQ(s.at(60), 5.5e-4);  // half way: the mean of both ends
  EXPECT_NEAR(s.at(35), 1e-4 + 9e-4 * (1 + std::sqrt(0.5)) / 2, 1e-15);
  EXPECT_DOUBLE_EQ(s.at(110), 1e-4);
  EXPECT_DOUBLE_EQ(s.at(500), 1e-4);
}

TEST(Schedule, NeedsNoWarmUp) {
  const Schedule s{.peak = 1, .minimum = 0, .warmup = 0, .steps = 2};
  EXPECT_DOUBLE_EQ(s.at(1), 0.5);
  EXPECT_NEAR(s.at(2), 0, 1e-15);
}

TEST(Schedule, WarmUpMayBeTheWholeRun) {
  const Schedule s{.peak = 1, .minimum = 0, .warmup = 4, .steps = 4};
  EXPECT_DOUBLE_EQ(s.at(4), 1);
}

}  // namespace
}  // namespace stemma::train
