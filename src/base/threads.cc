#include "base/threads.h"

#include <charconv>
#include <chrono>
#include <cstdlib>
#include <string_view>
#include <system_error>

#include <fmt/format.h>
#include <immintrin.h>
#include <sched.h>

#include "base/error.h"

namespace stemma {
namespace {

// The tasks this thread is inside of, innermost first; a task of one pool may call another pool.
struct Frame {
  const Workers* pool;
  int worker;
  const Frame* outer;
};
thread_local const Frame* innermost = nullptr;

class FrameScope {
 public:
  FrameScope(const Workers* pool, int worker) : frame_{pool, worker, innermost} {
    innermost = &frame_;
  }
  ~FrameScope() { innermost = frame_.outer; }
  FrameScope(const FrameScope&) = delete;
  FrameScope& operator=(const FrameScope&) = delete;

 private:
  Frame frame_;
};

const Frame* find_frame(const Workers* pool) {
  for (const Frame* frame = innermost; frame != nullptr; frame = frame->outer)
    if (frame->pool == pool) return frame;
  return nullptr;
}

// Waits until value != old. Spins first: the next task of a training step usually comes within
// microseconds, and waking a parked thread costs more than that.
template <class T>
void wait_while_equal(const std::atomic<T>& value, T old) {
  using Clock = std::chrono::steady_clock;
  const auto deadline = Clock::now() + std::chrono::microseconds(20);
  do {
    for (int i = 0; i < 16; ++i) {
      if (value.load(std::memory_order_acquire) != old) return;
      _mm_pause();
    }
  } while (Clock::now() < deadline);
  value.wait(old, std::memory_order_acquire);
}

}  // namespace

Workers::Workers(int count) : count_(count) {
  if (count < 1)
    throw Error(ErrorCode::invalid_argument,
                fmt::format("[threads] the number of threads must be at least 1, got {}", count));
  threads_.reserve(static_cast<std::size_t>(count - 1));
  try {
    for (int worker = 1; worker < count; ++worker)
      threads_.emplace_back([this, worker] { worker_main(worker); });
  } catch (const std::system_error& error) {
    const std::size_t started = threads_.size() + 1;
    stop();
    throw Error(ErrorCode::device,
                fmt::format("[threads] cannot start {} threads ({}); {} started: ask for fewer",
                            count, error.code().message(), started));
  }
}

Workers::~Workers() { stop(); }

void Workers::stop() {
  stopping_.store(true, std::memory_order_relaxed);
  generation_.fetch_add(1);
  generation_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

int Workers::current_worker() const {
  const Frame* frame = find_frame(this);
  return frame != nullptr ? frame->worker : 0;
}

void Workers::run_erased(ErasedTask task, void* data) {
  if (const Frame* frame = find_frame(this)) {
    task(data, frame->worker);
    return;
  }
  if (count_ == 1) {
    const FrameScope scope(this, 0);
    task(data, 0);
    return;
  }
  task_ = task;
  data_ = data;
  unfinished_.store(count_ - 1, std::memory_order_relaxed);
  // The read-modify-write orders everything above before the workers' acquire loads, and before
  // the look at the waiter count inside notify_all.
  generation_.fetch_add(1);
  generation_.notify_all();
  run_one(0);
  for (int left = unfinished_.load(std::memory_order_acquire); left != 0;
       left = unfinished_.load(std::memory_order_acquire))
    wait_while_equal(unfinished_, left);
  if (error_) std::rethrow_exception(std::exchange(error_, nullptr));
}

void Workers::run_one(int worker) noexcept {
  const FrameScope scope(this, worker);
  try {
    task_(data_, worker);
  } catch (...) {
    const std::lock_guard lock(error_mutex_);
    if (!error_) error_ = std::current_exception();
  }
}

void Workers::worker_main(int worker) {
  // A worker may start late, after the first run() has begun: so it counts from 0, not from what
  // it finds.
  for (std::uint32_t seen = 0;; ++seen) {
    wait_while_equal(generation_, seen);
    if (stopping_.load(std::memory_order_relaxed)) return;
    run_one(worker);
    if (unfinished_.fetch_sub(1) == 1) unfinished_.notify_one();
  }
}

int available_threads() {
  if (const char* text = std::getenv("STEMMA_THREADS"); text != nullptr && *text != '\0') {
    const std::string_view view = text;
    int threads = 0;
    const auto [end, error] = std::from_chars(view.data(), view.data() + view.size(), threads);
    if (error != std::errc() || end != view.data() + view.size() || threads < 1 || threads > 4096)
      throw Error(
          ErrorCode::invalid_argument,
          fmt::format("[threads] STEMMA_THREADS must be a number from 1 to 4096, got '{}'", view));
    return threads;
  }
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof set, &set) == 0) return CPU_COUNT(&set);
  // More CPUs than the set has places for.
  const unsigned hardware = std::thread::hardware_concurrency();
  return hardware > 0 ? static_cast<int>(hardware) : 1;
}

}  // namespace stemma
