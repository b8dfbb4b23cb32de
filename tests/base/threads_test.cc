#include "base/threads.h"

#include <chrono>
#include <cstdlib>
#include <numeric>
#include <stdexcept>
#include <vector>

#include <gtest/gtest.h>
#include <sched.h>

#include "tests/base/expect_error.h"

namespace stemma {
namespace {

TEST(Workers, RunCallsEveryWorkerOnce) {
  for (const int count : {1, 2, 3, 8}) {
    Workers workers(count);
    EXPECT_EQ(workers.count(), count);
    std::vector<int> calls(static_cast<std::size_t>(count));
    for (int round = 0; round < 200; ++round)
      workers.run([&](int worker) { ++calls[static_cast<std::size_t>(worker)]; });
    for (const int n : calls) EXPECT_EQ(n, 200);
  }
}

TEST(Workers, WorkerZeroIsTheCaller) {
  Workers workers(3);
  const auto caller = std::this_thread::get_id();
  std::vector<std::thread::id> ids(3);
  workers.run(
      [&](int worker) { ids[static_cast<std::size_t>(worker)] = std::this_thread::get_id(); });
  EXPECT_EQ(ids[0], caller);
  EXPECT_NE(ids[1], caller);
  EXPECT_NE(ids[1], ids[2]);
}

TEST(Workers, ForEachCoversEveryItemOnceInAlignedRanges) {
  for (const int count : {1, 4}) {
    Workers workers(count);
    for (const std::int64_t items : {0, 1, 63, 64, 65, 1000})
      for (const std::int64_t grain : {1, 7, 64, 5000}) {
        std::vector<int> seen(static_cast<std::size_t>(items));
        std::atomic<bool> aligned{true};
        workers.for_each(items, grain, [&](std::int64_t begin, std::int64_t end, int worker) {
          if (begin % grain != 0 || end - begin > grain || worker < 0 || worker >= count)
            aligned = false;
          for (std::int64_t i = begin; i < end; ++i) ++seen[static_cast<std::size_t>(i)];
        });
        EXPECT_TRUE(aligned);
        EXPECT_EQ(std::count(seen.begin(), seen.end(), 1), items) << items << " by " << grain;
      }
  }
}

// Short tasks find the workers spinning, pauses find them parked; every plain write before run()
// must be seen in the task, and every one in the task after it (this is what TSan looks at).
TEST(Workers, ManyShortRoundsWithAndWithoutParking) {
  Workers workers(4);
  std::vector<std::int64_t> values(4);
  std::int64_t input = 0, expected = 0;
  for (int round = 0; round < 5000; ++round) {
    input = round;
    workers.run([&](int worker) { values[static_cast<std::size_t>(worker)] += input; });
    expected += round;
    if (round % 500 == 0) std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  for (const std::int64_t value : values) EXPECT_EQ(value, expected);
}

TEST(Workers, CallerParksWhileAWorkerIsSlow) {
  Workers workers(2);
  bool done = false;
  workers.run([&](int worker) {
    if (worker == 0) return;
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    done = true;
  });
  EXPECT_TRUE(done);
}

TEST(Workers, PoolsComeAndGoWithoutWork) {
  for (int i = 0; i < 100; ++i) Workers workers(1 + i % 4);
  for (int i = 0; i < 100; ++i) {
    Workers workers(3);
    std::atomic<int> calls{0};
    workers.run([&](int) { ++calls; });
    EXPECT_EQ(calls, 3);
  }
}

TEST(Workers, ThrowsTheFirstExceptionAgainAndStaysUsable) {
  Workers workers(3);
  for (int thrower = 0; thrower < 3; ++thrower) {
    std::atomic<int> finished{0};
    EXPECT_ERROR(workers.run([&](int worker) {
      if (worker == thrower) throw Error(ErrorCode::device, "from a task");
      ++finished;
    }),
                 ErrorCode::device, "from a task");
    EXPECT_EQ(finished, 2);
  }
  // All throw: one arrives, and none is left for the next round.
  EXPECT_THROW(workers.run([](int) { throw std::runtime_error("x"); }), std::runtime_error);
  EXPECT_NO_THROW(workers.run([](int) {}));
  Workers alone(1);
  EXPECT_THROW(alone.run([](int) { throw std::runtime_error("x"); }), std::runtime_error);
  EXPECT_NO_THROW(alone.run([](int) {}));
}

TEST(Workers, NestedCallsRunOnTheCallingWorkerAlone) {
  Workers workers(4);
  std::vector<std::int64_t> sums(4);
  std::atomic<bool> same_worker{true};
  workers.run([&](int outer) {
    const auto thread = std::this_thread::get_id();
    workers.for_each(100, 3, [&](std::int64_t begin, std::int64_t end, int inner) {
      if (inner != outer || std::this_thread::get_id() != thread) same_worker = false;
      for (std::int64_t i = begin; i < end; ++i) sums[static_cast<std::size_t>(outer)] += i;
    });
    int calls = 0;
    workers.run([&](int inner) { calls += inner == outer ? 1 : 100; });
    if (calls != 1) same_worker = false;
  });
  EXPECT_TRUE(same_worker);
  for (const std::int64_t sum : sums) EXPECT_EQ(sum, 4950);
}

TEST(Workers, ANestedExceptionPassesThrough) {
  Workers workers(2);
  EXPECT_THROW(workers.run([&](int) {
    workers.run([](int worker) {
      if (worker == 1) throw std::runtime_error("nested");
    });
  }),
               std::runtime_error);
}

TEST(Workers, ATaskMayUseAnotherPoolWithItsOwnNumbers) {
  Workers large(4), small(2);
  std::mutex mutex;  // one thread at a time may call a pool
  std::atomic<int> calls{0};
  std::atomic<bool> in_range{true};
  large.run([&](int outer) {
    const std::lock_guard lock(mutex);
    small.for_each(10, 1, [&](std::int64_t, std::int64_t, int worker) {
      ++calls;
      if (worker < 0 || worker >= 2) in_range = false;
    });
    small.for_each(1, 1, [&](std::int64_t, std::int64_t, int worker) {
      if (worker != 0) in_range = false;
    });
    // Back into the pool this thread is a task of.
    if (outer == 0)
      small.run([&](int worker) {
        if (worker == 0)
          large.run([&](int again) {
            if (again != 0) in_range = false;
          });
      });
  });
  EXPECT_EQ(calls, 40);
  EXPECT_TRUE(in_range);
}

TEST(Workers, PoolsOfDifferentThreadsDoNotMeet) {
  std::vector<std::thread> callers;
  std::atomic<std::int64_t> total{0};
  for (int c = 0; c < 3; ++c)
    callers.emplace_back([&] {
      Workers workers(2);
      for (int round = 0; round < 300; ++round)
        workers.for_each(50, 1, [&](std::int64_t begin, std::int64_t, int) { total += begin; });
    });
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(total, 3 * 300 * 1225);
}

TEST(Workers, RefusesNoThreads) {
  EXPECT_ERROR(Workers(0), ErrorCode::invalid_argument, "at least 1, got 0");
  EXPECT_ERROR(Workers(-3), ErrorCode::invalid_argument, "-3");
}

class ThreadsVariable {
 public:
  explicit ThreadsVariable(const char* value) { ::setenv("STEMMA_THREADS", value, 1); }
  ~ThreadsVariable() { ::unsetenv("STEMMA_THREADS"); }
};

TEST(AvailableThreads, FollowsVariableAndAffinity) {
  {
    const ThreadsVariable variable("3");
    EXPECT_EQ(available_threads(), 3);
  }
  for (const char* bad : {"0", "-1", "two", "3x", "99999", "99999999999999999999", " 2"}) {
    const ThreadsVariable variable(bad);
    EXPECT_ERROR(available_threads(), ErrorCode::invalid_argument, bad);
  }
  cpu_set_t before, one;
  ASSERT_EQ(::sched_getaffinity(0, sizeof before, &before), 0);
  EXPECT_EQ(available_threads(), CPU_COUNT(&before));
  CPU_ZERO(&one);
  for (int cpu = 0; cpu < CPU_SETSIZE && CPU_COUNT(&one) == 0; ++cpu)
    if (CPU_ISSET(cpu, &before)) CPU_SET(cpu, &one);
  ASSERT_EQ(::sched_setaffinity(0, sizeof one, &one), 0);
  EXPECT_EQ(available_threads(), 1);
  ::sched_setaffinity(0, sizeof before, &before);
}

}  // namespace
}  // namespace stemma
