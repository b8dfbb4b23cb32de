#include "base/progress.h"

#include <cmath>
#include <limits>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <unistd.h>

namespace stemma {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

TEST(Progress, ALineLeavesOutWhatIsLeastImportant) {
  const std::vector<ProgressPart> parts = {
      {"step 1/9", 9}, {"loss 1.0", 8}, {"", 9}, {"lr 1e-3", 1}, {"1 s left", 7}};
  EXPECT_EQ(fitting_line(parts), "step 1/9  loss 1.0  lr 1e-3  1 s left");
  EXPECT_EQ(fitting_line(parts, 30), "step 1/9  loss 1.0  1 s left");
  EXPECT_EQ(fitting_line(parts, 28), "step 1/9  loss 1.0  1 s left");
  EXPECT_EQ(fitting_line(parts, 20), "step 1/9  loss 1.0");
  EXPECT_EQ(fitting_line(parts, 3), "step 1/9");
  EXPECT_EQ(fitting_line({}), "");
}

TEST(Format, Bytes) {
  EXPECT_EQ(format_bytes(0), "0 B");
  EXPECT_EQ(format_bytes(999), "999 B");
  EXPECT_EQ(format_bytes(1000), "1.00 kB");
  EXPECT_EQ(format_bytes(1'234'567'890), "1.23 GB");
  EXPECT_EQ(format_bytes(9'999), "10.0 kB");
  EXPECT_EQ(format_bytes(99'960), "100 kB");
  EXPECT_EQ(format_bytes(999'499), "999 kB");
  EXPECT_EQ(format_bytes(999'500), "1.00 MB");
  EXPECT_EQ(format_bytes(std::numeric_limits<std::uint64_t>::max()), "18.4 EB");
}

TEST(Format, CountsAndRates) {
  EXPECT_EQ(format_count(0), "0");
  EXPECT_EQ(format_count(9999), "9999");
  EXPECT_EQ(format_count(12'345), "12.3 k");
  EXPECT_EQ(format_count(124'439'808), "124 M");
  EXPECT_EQ(format_count(1.5e9), "1.50 B");
  EXPECT_EQ(format_count(0.25), "0.25");
  EXPECT_EQ(format_count(std::nan("")), "unknown");
  EXPECT_EQ(format_rate(1'234'567, "tokens"), "1.23 M tokens/s");
}

TEST(Format, Durations) {
  EXPECT_EQ(format_duration(0), "0 ms");
  EXPECT_EQ(format_duration(0.0123), "12 ms");
  EXPECT_EQ(format_duration(0.84), "0.8 s");
  EXPECT_EQ(format_duration(45.4), "45 s");
  EXPECT_EQ(format_duration(59.6), "1 min");
  EXPECT_EQ(format_duration(125), "2 min 5 s");
  EXPECT_EQ(format_duration(3599.7), "1 h");
  EXPECT_EQ(format_duration(3 * 3600 + 7 * 60 + 20), "3 h 7 min");
  EXPECT_EQ(format_duration(86399), "1 d");
  EXPECT_EQ(format_duration(2 * 86400 + 4 * 3600), "2 d 4 h");
  EXPECT_EQ(format_duration(-1), "unknown");
  EXPECT_EQ(format_duration(INFINITY), "unknown");
  EXPECT_EQ(format_duration(std::nan("")), "unknown");
}

TEST(Eta, FollowsASteadyRateAndAChange) {
  const auto start = EtaEstimator::Clock::time_point() + seconds(1000);
  EtaEstimator eta(10'000, 100, start);
  EXPECT_EQ(eta.remaining_seconds(), -1);
  eta.update(110, start + seconds(1));
  EXPECT_DOUBLE_EQ(eta.rate(), 10);
  EXPECT_DOUBLE_EQ(eta.remaining_seconds(), 989);
  eta.update(110, start + seconds(2));  // nothing new
  eta.update(50, start + seconds(3));
  EXPECT_DOUBLE_EQ(eta.rate(), 10);
  eta.update(110 + 6000, start + seconds(601));
  EXPECT_DOUBLE_EQ(eta.rate(), 10);
  // Half the speed for the half-life of 30 s: half of the way from 10 to 5.
  eta.update(110 + 6000 + 150, start + seconds(631));
  EXPECT_NEAR(eta.rate(), 7.5, 1e-3);
  eta.update(10'000, start + seconds(660));
  EXPECT_EQ(eta.remaining_seconds(), 0);
}

// A slow beginning is no more than its part of the time.
TEST(Eta, ShortWorkHasItsMeanRate) {
  const auto start = EtaEstimator::Clock::time_point() + seconds(1000);
  EtaEstimator eta(1000, 0, start);
  eta.update(1, start + milliseconds(100));
  eta.update(1000, start + milliseconds(200));
  EXPECT_NEAR(eta.rate(), 5000, 10);
}

std::string drain(int descriptor) {
  std::string text;
  char buffer[4096];
  ::fcntl(descriptor, F_SETFL, O_NONBLOCK);
  for (ssize_t got; (got = ::read(descriptor, buffer, sizeof buffer)) > 0;)
    text.append(buffer, static_cast<std::size_t>(got));
  return text;
}

TEST(ProgressLine, PrintsPlainLinesIntoAFile) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  {
    ProgressLine line(seconds(100), ends[1]);
    line.update("one");
    line.update("two");
    line.update("three");
    EXPECT_EQ(drain(ends[0]), "one\n");
    line.finish();
    EXPECT_EQ(drain(ends[0]), "three\n");
    line.finish();
    line.update("four");
    line.update("five");
  }
  EXPECT_EQ(drain(ends[0]), "four\nfive\n");
  {
    ProgressLine line(milliseconds(0), ends[1]);
    line.update("a");
    line.update("b");
  }
  EXPECT_EQ(drain(ends[0]), "a\nb\n");
  ::close(ends[0]);
  ::close(ends[1]);
}

TEST(ProgressLine, RewritesOneLineOnATerminal) {
  const int master = ::posix_openpt(O_RDWR | O_NOCTTY);
  if (master < 0 || ::grantpt(master) != 0 || ::unlockpt(master) != 0)
    GTEST_SKIP() << "SKIPPED: needs a pseudo terminal";
  const int terminal = ::open(::ptsname(master), O_RDWR | O_NOCTTY);
  ASSERT_GE(terminal, 0);
  {
    ProgressLine line(seconds(100), terminal);
    line.update("one");
    line.update("two");  // within a tenth of a second
    ::usleep(110'000);
    line.update("three");
  }
  EXPECT_EQ(drain(master), "\rone\x1b[K\rthree\x1b[K\r\n");
  {
    ProgressLine line(seconds(100), terminal);
    std::string wide;
    for (int i = 0; i < 100; ++i) wide += "é";
    line.update(wide);
  }
  std::string cut;
  for (int i = 0; i < 79; ++i) cut += "é";
  EXPECT_EQ(drain(master), "\r" + cut + "\x1b[K\r\n");
  ::close(terminal);
  ::close(master);
}

}  // namespace
}  // namespace stemma
