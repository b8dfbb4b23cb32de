#include "serve/rate_limiter.h"

#include <gtest/gtest.h>

namespace stemma::serve {
namespace {

TEST(RateLimiter, HoldsWhatAMinuteAllowsAndFillsEvenly) {
  RateLimiter limiter;
  const auto begin = RateLimiter::Clock::now();
  const auto at = [&](double seconds) {
    return begin + std::chrono::duration_cast<RateLimiter::Clock::duration>(
                       std::chrono::duration<double>(seconds));
  };
  for (int i = 0; i < 6; ++i) EXPECT_FALSE(limiter.take("a", 6, at(0)));
  EXPECT_NEAR(limiter.take("a", 6, at(0)).value().count(), 10, 1e-6);
  EXPECT_NEAR(limiter.take("a", 6, at(4)).value().count(), 6, 1e-6);
  EXPECT_FALSE(limiter.take("b", 6, at(4)));
  EXPECT_FALSE(limiter.take("a", 6, at(10)));
  EXPECT_TRUE(limiter.take("a", 6, at(10)));
  // A long pause fills no more than a minute's worth.
  for (int i = 0; i < 6; ++i) EXPECT_FALSE(limiter.take("a", 6, at(1000)));
  EXPECT_TRUE(limiter.take("a", 6, at(1000)));
  // Less than one a minute.
  EXPECT_FALSE(limiter.take("c", 0.5, at(0)));
  EXPECT_NEAR(limiter.take("c", 0.5, at(60)).value().count(), 60, 1e-6);
}

TEST(RateLimiter, ForgetsWhoIsGone) {
  RateLimiter limiter;
  const auto begin = RateLimiter::Clock::now();
  for (int i = 0; i < 200'000; ++i)
    EXPECT_FALSE(limiter.take("client " + std::to_string(i), 60, begin + std::chrono::seconds(i)));
  EXPECT_LT(limiter.size(), 70'000u);
}

}  // namespace
}  // namespace stemma::serve
