#include "serve/task_host.h"

#include <iterator>
#include <utility>

#include <fmt/format.h>

#include "base/error.h"
#include "base/log.h"
#include "serve/model_host.h"

namespace stemma::serve {

TaskHost::TaskHost(std::string id, tasks::TaskModel model, Turns& turns, std::size_t most_waiting)
    : id_(std::move(id)),
      created_(unix_seconds()),
      model_(std::move(model)),
      turns_(turns),
      most_waiting_(most_waiting),
      thread_([this] { work(); }) {}

void TaskHost::stop() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
}

bool TaskHost::submit(std::vector<labelled::Row> rows, Interrupt gone, Done done) {
  {
    const std::lock_guard lock(mutex_);
    if (stop_ || waiting_ + rows.size() > most_waiting_) return false;
    waiting_ += rows.size();
    jobs_.push_back({std::move(rows), gone, std::move(done)});
  }
  wake_.notify_one();
  return true;
}

std::size_t TaskHost::waiting_rows() const {
  const std::lock_guard lock(mutex_);
  return waiting_;
}

void TaskHost::finish(const Job& job, Result result) {
  try {
    job.done(std::move(result));
  } catch (const std::exception& error) {
    log_error(fmt::format("[serve] an answer of a task failed: {}", error.what()));
  }
}

// What one request has wrong is its own failure: where a batch throws, each is asked alone.
void TaskHost::answer(std::span<Job> jobs) {
  Result all;
  try {
    for (const Job& job : jobs) all.rows.insert(all.rows.end(), job.rows.begin(), job.rows.end());
    all.examples = model_.encode(all.rows);
    const Turns::Turn turn(turns_);
    all.predictions = model_.answer(all.rows, all.examples).predictions;
  } catch (...) {
    if (jobs.size() == 1) return finish(jobs.front(), {{}, {}, {}, std::current_exception()});
    for (std::size_t i = 0; i < jobs.size(); ++i) answer(jobs.subspan(i, 1));
    return;
  }
  auto row = all.rows.begin();
  auto example = all.examples.begin();
  auto prediction = all.predictions.begin();
  const auto take = [](auto& from, std::size_t count) {
    const auto begin = std::make_move_iterator(from);
    from += static_cast<std::ptrdiff_t>(count);
    return std::vector(begin, std::make_move_iterator(from));
  };
  for (const Job& job : jobs) {
    const std::size_t count = job.rows.size();
    finish(job, {take(row, count), take(example, count), take(prediction, count), {}});
  }
}

void TaskHost::work() {
  // Rows that are answered together: those who come later wait no longer than these take.
  constexpr std::size_t kMostRows = 64;
  std::vector<Job> jobs;
  for (;;) {
    {
      std::unique_lock lock(mutex_);
      wake_.wait(lock, [&] { return stop_ || !jobs_.empty(); });
      if (stop_) break;
      for (std::size_t rows = 0; !jobs_.empty() && rows < kMostRows; jobs_.pop_front()) {
        rows += jobs_.front().rows.size();
        waiting_ -= jobs_.front().rows.size();
        jobs.push_back(std::move(jobs_.front()));
      }
    }
    const auto left = [](const Job& job) { return job.gone.requested(); };
    for (const Job& job : jobs)
      if (left(job)) finish(job, {});
    std::erase_if(jobs, left);
    if (!jobs.empty()) answer(jobs);
    jobs.clear();
  }
  const auto stopped =
      std::make_exception_ptr(Error(ErrorCode::communication, "the server is shutting down"));
  for (const Job& job : jobs_) finish(job, {{}, {}, {}, stopped});
}

}  // namespace stemma::serve
