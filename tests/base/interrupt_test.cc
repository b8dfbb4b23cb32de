#include "base/interrupt.h"

#include <csignal>

#include <gtest/gtest.h>

namespace stemma {
namespace {

TEST(Interrupt, IsNeverRequestedByItself) {
  const Interrupt none;
  EXPECT_EQ(none.signal(), 0);
  EXPECT_FALSE(none.requested());
}

TEST(Interrupt, CopiesSeeTheSignal) {
  std::atomic<int> signal{0};
  const Interrupt interrupt(signal), copy = interrupt;
  EXPECT_FALSE(copy.requested());
  signal = SIGTERM;
  EXPECT_TRUE(copy.requested());
  EXPECT_EQ(copy.signal(), SIGTERM);
}

}  // namespace
}  // namespace stemma
