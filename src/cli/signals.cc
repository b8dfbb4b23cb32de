#include "cli/signals.h"

#include <atomic>
#include <csignal>

#include <unistd.h>

namespace stemma::cli {
namespace {

// A signal handler can reach nothing but a global.
std::atomic<int> received{0};
static_assert(std::atomic<int>::is_always_lock_free);

void on_signal(int signal) {
  int none = 0;
  const bool first = received.compare_exchange_strong(none, signal);
  // A second SIGTERM changes nothing: whoever sends it follows with SIGKILL if it must.
  if (!first && signal == SIGINT) ::_exit(128 + SIGINT);
}

}  // namespace

void install_signal_handlers() {
  struct sigaction action = {};
  action.sa_handler = on_signal;
  sigemptyset(&action.sa_mask);
  // Calls that were waiting go on: the work ends at a step of its own choice.
  action.sa_flags = SA_RESTART;
  ::sigaction(SIGINT, &action, nullptr);
  ::sigaction(SIGTERM, &action, nullptr);
  std::signal(SIGXFSZ, SIG_IGN);
}

Interrupt process_interrupt() { return Interrupt(received); }

void forget_interrupt() { received = 0; }

}  // namespace stemma::cli
