// Runs work on all cores: a pool of threads that live as long as it and share out ranges of items.
//
//   Workers workers(2);
//   workers.for_each(rows, 64, [&](std::int64_t begin, std::int64_t end, int worker) { ... });
//
// The calling thread is worker 0. Between calls the others spin for a moment, then sleep (a
// spin-then-park barrier), so that short kernels in a row do not wake them each time.
//
// One thread at a time may call run() or for_each() on a pool; calls from inside a task of the same
// pool run on the calling worker alone. The first exception that a task throws is thrown again by
// the call, after all workers have stopped.
#pragma once

#include <atomic>
#include <cstdint>
#include <exception>
#include <mutex>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

namespace stemma {

class Workers {
 public:
  // count ≥ 1 threads including the caller's; throws invalid_argument otherwise.
  explicit Workers(int count);
  ~Workers();
  Workers(const Workers&) = delete;
  Workers& operator=(const Workers&) = delete;

  int count() const { return count_; }

  // Calls task(worker) once on every worker, and returns when all have returned.
  template <class Task>
  void run(Task&& task) {
    using T = std::remove_reference_t<Task>;
    run_erased([](void* t, int worker) { (*static_cast<T*>(t))(worker); },
               const_cast<void*>(static_cast<const void*>(&task)));
  }

  // Calls task(begin, end, worker) for disjoint ranges that cover [0, items), each at most `grain`
  // long and starting at a multiple of it; workers take ranges as they become free.
  template <class Task>
  void for_each(std::int64_t items, std::int64_t grain, Task&& task) {
    if (items <= 0) return;
    if (items <= grain || count_ == 1) {
      for (std::int64_t begin = 0; begin < items; begin += grain)
        task(begin, begin + grain < items ? begin + grain : items, current_worker());
      return;
    }
    std::atomic<std::int64_t> next{0};
    run([&](int worker) {
      for (;;) {
        const std::int64_t begin = next.fetch_add(grain, std::memory_order_relaxed);
        if (begin >= items) return;
        task(begin, begin + grain < items ? begin + grain : items, worker);
      }
    });
  }

 private:
  using ErasedTask = void (*)(void*, int);
  void run_erased(ErasedTask task, void* data);
  void worker_main(int worker);
  void run_one(int worker) noexcept;
  void stop();
  // The index of the worker this thread is, inside a task of this pool; 0 elsewhere.
  int current_worker() const;

  const int count_;
  ErasedTask task_ = nullptr;
  void* data_ = nullptr;
  std::atomic<std::uint32_t> generation_{0};
  std::atomic<int> unfinished_{0};
  std::atomic<bool> stopping_{false};
  std::mutex error_mutex_;
  std::exception_ptr error_;
  std::vector<std::thread> threads_;
};

// Threads this process may run on (its CPU affinity), or the value of STEMMA_THREADS.
int available_threads();

}  // namespace stemma
