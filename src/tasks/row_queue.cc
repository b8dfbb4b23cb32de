#include "tasks/row_queue.h"

#include <utility>

namespace stemma::tasks {
namespace {

// Rows that wait at most; as many are answered together.
constexpr std::size_t kMostWaiting = 512;

}  // namespace

RowQueue::RowQueue(const std::filesystem::path& path, const labelled::RowOptions& options,
                   labelled::Wanted wanted)
    : reader_(path, options, wanted), thread_([this] { read(); }) {}

RowQueue::~RowQueue() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void RowQueue::read() {
  try {
    for (labelled::Row row; reader_.next(row);) {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [this] { return stop_ || rows_.size() < kMostWaiting; });
      if (stop_) break;
      rows_.push_back(std::move(row));
      row = {};
      changed_.notify_all();
    }
  } catch (...) {
    const std::lock_guard lock(mutex_);
    error_ = std::current_exception();
  }
  const std::lock_guard lock(mutex_);
  ended_ = true;
  changed_.notify_all();
}

std::vector<labelled::Row> RowQueue::take() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return ended_ || !rows_.empty(); });
  std::vector<labelled::Row> taken = std::exchange(rows_, {});
  changed_.notify_all();
  if (taken.empty() && error_) std::rethrow_exception(std::exchange(error_, nullptr));
  return taken;
}

}  // namespace stemma::tasks
