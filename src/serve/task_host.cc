#include "serve/task_host.h"

#include <utility>

#include "base/error.h"
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

bool TaskHost::submit(const std::vector<labelled::Row>& rows, Interrupt gone, Passes::Done done) {
  std::vector<tasks::EncodedExample> examples = model_.encode(rows);
  Passes::Job job{.items = {}, .gone = gone, .done = {}};
  for (std::size_t i = 0; i < rows.size(); ++i)
    job.items.push_back({rows[i], std::move(examples[i]), {}});
  job.done = [this, count = rows.size(), done = std::move(done)](std::vector<Answer> answers,
                                                                 std::exception_ptr error) {
    {
      const std::lock_guard lock(mutex_);
      waiting_ -= count;
    }
    done(std::move(answers), std::move(error));
  };
  {
    const std::lock_guard lock(mutex_);
    if (stop_ || waiting_ + rows.size() > most_waiting_) return false;
    waiting_ += rows.size();
    inbox_.push_back(std::move(job));
  }
  wake_.notify_one();
  return true;
}

std::size_t TaskHost::waiting_rows() const {
  const std::lock_guard lock(mutex_);
  return waiting_;
}

std::vector<TaskHost::Answer> TaskHost::answer(std::span<const Answer> items) const {
  std::vector<labelled::Row> rows;
  std::vector<tasks::EncodedExample> examples;
  for (const Answer& item : items) {
    rows.push_back(item.row);
    examples.push_back(item.example);
  }
  std::vector<tasks::Prediction> predictions = model_.answer(rows, examples).predictions;
  std::vector<Answer> answers;
  for (std::size_t i = 0; i < items.size(); ++i)
    answers.push_back({std::move(rows[i]), std::move(examples[i]), std::move(predictions[i])});
  return answers;
}

void TaskHost::work() {
  std::vector<Passes::Job> jobs;
  for (;;) {
    {
      std::unique_lock lock(mutex_);
      wake_.wait(lock, [&] { return stop_ || !inbox_.empty() || !passes_.empty(); });
      if (stop_) break;
      jobs.swap(inbox_);
    }
    for (Passes::Job& job : jobs) passes_.add(std::move(job));
    jobs.clear();
    const Turns::Turn turn(turns_);
    passes_.passes(
        kSharedPassesTime, kSharedPassTokens,
        [](const Answer& item) { return item.example.tokens; },
        [this](std::span<const Answer> items) { return answer(items); });
  }
  {
    const std::lock_guard lock(mutex_);
    jobs.swap(inbox_);
  }
  for (Passes::Job& job : jobs) passes_.add(std::move(job));
  passes_.fail_all(
      std::make_exception_ptr(Error(ErrorCode::communication, "the server is shutting down")));
}

}  // namespace stemma::serve
