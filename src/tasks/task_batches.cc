#include "tasks/task_batches.h"

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "base/philox.h"
#include "data/permutation.h"
#include "tasks/head_pass.h"

namespace stemma::tasks {

TaskBatches::TaskBatches(std::vector<TaskExamples> tasks, const TaskBatchOptions& options)
    : tasks_(std::move(tasks)), options_(options) {
  for (const TaskExamples& part : tasks_) {
    if (part.examples.empty())
      throw Error(ErrorCode::corrupt,
                  "[finetune] there is no labelled row to train on: check the labels' column");
    examples_ += std::ssize(part.examples);
    for (const EncodedExample& example : part.examples)
      for (const Framed& text : example.texts) longest_ = std::max(longest_, std::ssize(text.ids));
  }
}

TaskBatches::TaskBatches(std::shared_ptr<const Task> task, std::vector<EncodedExample> examples,
                         const TaskBatchOptions& options)
    : TaskBatches(std::vector<TaskExamples>{{std::move(task), std::move(examples)}}, options) {}

double TaskBatches::mean_tokens() const {
  std::int64_t tokens = 0;
  for (const TaskExamples& part : tasks_)
    for (const EncodedExample& example : part.examples) tokens += example.tokens;
  return static_cast<double>(tokens) / static_cast<double>(examples_);
}

TaskBatches::Place TaskBatches::place_of(std::int64_t index) const {
  const auto n = static_cast<std::uint64_t>(examples_);
  const auto i = static_cast<std::uint64_t>(index);
  std::size_t at = permuted(i % n, n, options_.seed, i / n), head = 0;
  for (; at >= tasks_[head].examples.size(); ++head) at -= tasks_[head].examples.size();
  return {head, &tasks_[head].examples[at]};
}

void TaskBatches::fill(std::int64_t first, std::int64_t count, std::int64_t first_number,
                       Batch& batch) const {
  clear_batch(batch, tasks_.size());
  for (std::int64_t i = 0; i < count; ++i) {
    const auto [head, example] = place_of(first + i);
    const Task& task = *tasks_[head].task;
    if (options_.word_dropout == 0) {
      append(batch, task, *example, first_number + i, head);
      continue;
    }
    EncodedExample changed = *example;
    drop_words(first + i, task, changed);
    append(batch, task, changed, first_number + i, head);
  }
  if (!options_.next_tokens) return;
  batch.targets.assign(batch.ids.begin() + 1, batch.ids.end());
  batch.targets.push_back(-1);
  for (std::size_t b = 1; b < batch.offsets.size(); ++b)
    batch.targets[static_cast<std::size_t>(batch.offsets[b]) - 1] = -1;
}

train::Counts TaskBatches::counts(std::int64_t first, std::int64_t count) const {
  train::Counts counts;
  counts.heads.resize(tasks_.size());
  for (std::int64_t i = 0; i < count; ++i) {
    const auto [head, example] = place_of(first + i);
    counts.tokens += example->tokens;
    if (options_.next_tokens) counts.targets += example->tokens - std::ssize(example->texts);
    counts.heads[head].examples += 1;
    counts.heads[head].answers += tasks_[head].task->one_answer() ? 1 : example->rows;
  }
  return counts;
}

void TaskBatches::drop_words(std::int64_t index, const Task& task, EncodedExample& example) const {
  const PhiloxKey key = philox_key(options_.seed ^ 0x776f726464726f70ull);
  std::uint32_t place = 0;
  for (Framed& text : example.texts)
    for (std::int32_t& id : text.ids) {
      const auto bits = philox(key, {place++, static_cast<std::uint32_t>(index),
                                     static_cast<std::uint32_t>(index >> 32), 0});
      if (philox_uniform(bits[0]) < options_.word_dropout && !task.framer().is_mark(id))
        id = options_.dropped;
    }
}

}  // namespace stemma::tasks
