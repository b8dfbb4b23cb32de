// JobThread: whose job is done next.

#include "serve/job_thread.h"

#include <future>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace stemma::serve {
namespace {

TEST(JobThread, ClientsTakeTurns) {
  JobThread thread;
  std::promise<void> all_posted, done;
  thread.post("z", [&, ready = all_posted.get_future().share()] { ready.wait(); });
  std::string order;
  for (const char* job : {"a1", "a2", "a3", "b1", "c1", "b2"})
    thread.post(std::string(1, job[0]), [&, job] { order += std::string(job) + ' '; });
  thread.post("a", [&] { done.set_value(); });
  all_posted.set_value();
  done.get_future().wait();
  EXPECT_EQ(order, "a1 b1 c1 a2 b2 a3 ");
}

TEST(JobThread, WhatHasNotBegunIsDropped) {
  std::atomic<int> done{0};
  auto held = std::make_shared<int>(7);
  {
    JobThread thread;
    std::promise<void> begun;
    thread.post("a", [&] {
      begun.set_value();
      ++done;
    });
    begun.get_future().wait();
    for (int i = 0; i < 3; ++i) thread.post("b", [held] {});
  }
  EXPECT_EQ(done, 1);
  EXPECT_EQ(held.use_count(), 1);
}

}  // namespace
}  // namespace stemma::serve
