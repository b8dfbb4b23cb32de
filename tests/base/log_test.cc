// Each in a child process: the environment is read once per process.
#include "base/log.h"

#include <cstdlib>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "tests/base/child.h"

namespace stemma {
namespace {

std::string log_everything(const char* setting) {
  return run_in_child([&] {
           if (setting != nullptr)
             ::setenv("STEMMA_LOG", setting, 1);
           else
             ::unsetenv("STEMMA_LOG");
           log_debug("d");
           log_info("i {} %v");  // is no format
           log_warning("w");
           log_error("e");
           log_topic("kernels", "k");
           if (log_topic_enabled("data")) log_topic("data", "x");
         })
      .error_output;
}

TEST(Log, SettingsChooseLevelAndTopics) {
  EXPECT_EQ(log_everything(nullptr), "i {} %v\nwarning: w\nerror: e\n");
  EXPECT_EQ(log_everything(""), "i {} %v\nwarning: w\nerror: e\n");
  EXPECT_EQ(log_everything("debug"), "debug: d\ni {} %v\nwarning: w\nerror: e\n");
  EXPECT_EQ(log_everything("kernels"), "i {} %v\nwarning: w\nerror: e\nkernels: k\n");
  EXPECT_EQ(log_everything("error,data"), "error: e\ndata: x\n");
  EXPECT_EQ(log_everything("warning,all,"), "warning: w\nerror: e\nkernels: k\ndata: x\n");
}

TEST(Log, LinesOfThreadsStayWhole) {
  const std::string output = run_in_child([] {
                               std::vector<std::thread> threads;
                               for (int t = 0; t < 4; ++t)
                                 threads.emplace_back([] {
                                   for (int i = 0; i < 100; ++i) log_info("0123456789");
                                 });
                               for (std::thread& thread : threads) thread.join();
                             }).error_output;
  std::string expected;
  for (int i = 0; i < 400; ++i) expected += "0123456789\n";
  EXPECT_EQ(output, expected);
}

}  // namespace
}  // namespace stemma
