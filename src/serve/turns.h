// Who computes next, where several models share a machine: one pass at a time, in the order in
// which they asked. Each pass uses all processors; two at once would only be in each other's way.
//
//   Turns turns;
//   const Turns::Turn turn(turns);   // waits
//   engine.step();
//
// A ticket lock. Any thread.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <mutex>

namespace stemma::serve {

class Turns {
 public:
  class Turn {
   public:
    explicit Turn(Turns& turns) : turns_(turns) {
      std::unique_lock lock(turns_.mutex_);
      const std::uint64_t ticket = turns_.next_ticket_++;
      turns_.changed_.wait(lock, [&] { return turns_.serving_ == ticket; });
    }
    ~Turn() {
      {
        const std::lock_guard lock(turns_.mutex_);
        ++turns_.serving_;
      }
      turns_.changed_.notify_all();
    }
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;

   private:
    Turns& turns_;
  };

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::uint64_t next_ticket_ = 0, serving_ = 0;
};

}  // namespace stemma::serve
