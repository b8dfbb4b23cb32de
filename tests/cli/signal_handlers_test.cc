// In child processes, because handlers and flag belong to the whole process.
#include <gtest/gtest.h>
#include <signal.h>

#include "cli/signals.h"
#include "tests/base/child.h"

namespace stemma::cli {
namespace {

int exit_code(const ChildResult& result) {
  return WIFEXITED(result.status) ? WEXITSTATUS(result.status) : -WTERMSIG(result.status);
}

TEST(Interrupt, TheFirstSignalSetsTheFlag) {
  for (const int signal : {SIGINT, SIGTERM})
    EXPECT_EQ(exit_code(run_in_child([&] {
                install_signal_handlers();
                if (process_interrupt().signal() != 0) ::_exit(1);
                ::raise(signal);
                ::_exit(process_interrupt().signal() == signal ? 7 : 2);
              })),
              7);
}

TEST(Interrupt, ASecondCtrlCEndsAtOnceWith130) {
  for (const int first : {SIGINT, SIGTERM})
    EXPECT_EQ(exit_code(run_in_child([&] {
                install_signal_handlers();
                ::raise(first);
                ::raise(SIGINT);
                ::_exit(1);
              })),
              130);
}

TEST(Interrupt, ALaterSigtermChangesNothing) {
  EXPECT_EQ(exit_code(run_in_child([] {
              install_signal_handlers();
              ::raise(SIGINT);
              ::raise(SIGTERM);
              ::raise(SIGTERM);
              ::_exit(process_interrupt().signal() == SIGINT ? 7 : 1);
            })),
            7);
}

TEST(Interrupt, WithoutHandlersASignalKills) {
  EXPECT_EQ(process_interrupt().signal(), 0);
  EXPECT_EQ(exit_code(run_in_child([] { ::raise(SIGTERM); })), -SIGTERM);
}

TEST(Interrupt, AFileSizeLimitNoLongerKills) {
  EXPECT_EQ(exit_code(run_in_child([] {
              install_signal_handlers();
              ::raise(SIGXFSZ);
            })),
            0);
}

}  // namespace
}  // namespace stemma::cli
