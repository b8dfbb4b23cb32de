// Whether somebody wants long work to end: a value that is passed to the work, which asks between
// two steps and ends with everything saved. Nothing in the library knows where the wish comes from:
// a signal (cli/signals.h), a client that went away, a test.
//
//   std::atomic<int> signal{0};
//   TrainerSettings settings{.interrupt = Interrupt(signal)};
//   ...                                       // elsewhere: signal = SIGTERM;
//   while (step < steps && !interrupt.requested()) ...
#pragma once

#include <atomic>

namespace stemma {

class Interrupt {
 public:
  // Never requested.
  Interrupt() = default;
  // Requested once `signal` is not 0. It must outlive all copies.
  explicit Interrupt(const std::atomic<int>& signal) : signal_(&signal) {}

  // 0, or the number of the signal that asked. From any thread.
  int signal() const { return signal_ ? signal_->load(std::memory_order_relaxed) : 0; }
  bool requested() const { return signal() != 0; }

 private:
  const std::atomic<int>* signal_ = nullptr;
};

}  // namespace stemma
