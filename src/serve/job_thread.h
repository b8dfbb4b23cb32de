// A thread that does jobs one after the other: one of each client in turn (round-robin), so that
// whoever posts many does not hold up the others; those of one client in the order in which they
// came.
//
//   JobThread reader;
//   reader.post(client, [exchange] { answer(exchange); });
//
// Any thread may post. A job must not throw. What has not begun when the thread is destroyed is
// dropped.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <list>
#include <mutex>
#include <string>
#include <thread>
#include <utility>

namespace stemma::serve {

class JobThread {
 public:
  JobThread() : thread_([this] { work(); }) {}
  ~JobThread() {
    {
      const std::lock_guard lock(mutex_);
      stop_ = true;
    }
    wake_.notify_one();
    thread_.join();
  }
  JobThread(const JobThread&) = delete;
  JobThread& operator=(const JobThread&) = delete;

  void post(const std::string& client, std::function<void()> job) {
    {
      const std::lock_guard lock(mutex_);
      auto line = lines_.begin();
      while (line != lines_.end() && line->client != client) ++line;
      if (line == lines_.end()) line = lines_.insert(line, {client, {}});
      line->jobs.push_back(std::move(job));
    }
    wake_.notify_one();
  }

 private:
  struct Line {
    std::string client;
    std::deque<std::function<void()>> jobs;  // at least one
  };

  void work() {
    std::unique_lock lock(mutex_);
    for (;;) {
      wake_.wait(lock, [&] { return stop_ || !lines_.empty(); });
      if (stop_) return;
      std::function<void()> job = std::move(lines_.front().jobs.front());
      lines_.front().jobs.pop_front();
      if (lines_.front().jobs.empty())
        lines_.pop_front();
      else
        lines_.splice(lines_.end(), lines_, lines_.begin());
      lock.unlock();
      job();
      // What it holds is let go of before the next one, and not under the lock.
      job = nullptr;
      lock.lock();
    }
  }

  std::mutex mutex_;
  std::condition_variable wake_;
  std::list<Line> lines_;  // of clients that wait, the next one first
  bool stop_ = false;
  std::thread thread_;
};

}  // namespace stemma::serve
