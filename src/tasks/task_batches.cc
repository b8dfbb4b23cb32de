#include "tasks/task_batches.h"

#include <algorithm>
#include <numeric>

#include "base/error.h"
#include "base/philox.h"
#include "data/permutation.h"
#include "tasks/head_pass.h"

namespace stemma::tasks {

TaskBatches::TaskBatches(std::shared_ptr<const Task> task, std::vector<EncodedExample> examples,
                         const TaskBatchOptions& options)
    : task_(std::move(task)), examples_(std::move(examples)), options_(options) {
  if (examples_.empty())
    throw Error(ErrorCode::corrupt,
                "[finetune] there is no labelled row to train on: check the labels' column");
  for (const EncodedExample& example : examples_)
    for (const Framed& text : example.texts) longest_ = std::max(longest_, std::ssize(text.ids));
}

double TaskBatches::mean_tokens() const {
  const auto tokens = std::accumulate(
      examples_.begin(), examples_.end(), std::int64_t{0},
      [](std::int64_t sum, const EncodedExample& example) { return sum + example.tokens; });
  return static_cast<double>(tokens) / static_cast<double>(examples_.size());
}

const EncodedExample& TaskBatches::example_at(std::int64_t index) const {
  const auto n = static_cast<std::uint64_t>(examples_.size());
  const auto i = static_cast<std::uint64_t>(index);
  return examples_[permuted(i % n, n, options_.seed, i / n)];
}

void TaskBatches::fill(std::int64_t first, std::int64_t count, std::int64_t first_number,
                       Batch& batch) const {
  clear_batch(batch);
  for (std::int64_t i = 0; i < count; ++i) {
    const EncodedExample& example = example_at(first + i);
    if (options_.word_dropout == 0) {
      append(batch, *task_, example, first_number + i);
      continue;
    }
    EncodedExample changed = example;
    drop_words(first + i, changed);
    append(batch, *task_, changed, first_number + i);
  }
  if (!options_.next_tokens) return;
  batch.targets.assign(batch.ids.begin() + 1, batch.ids.end());
  batch.targets.push_back(-1);
  for (std::size_t b = 1; b < batch.offsets.size(); ++b)
    batch.targets[static_cast<std::size_t>(batch.offsets[b]) - 1] = -1;
}

train::Counts TaskBatches::counts(std::int64_t first, std::int64_t count) const {
  train::Counts counts;
  for (std::int64_t i = 0; i < count; ++i) {
    const EncodedExample& example = example_at(first + i);
    counts.tokens += example.tokens;
    if (options_.next_tokens) counts.targets += example.tokens - std::ssize(example.texts);
    counts.labels += task_->one_answer() ? 1 : example.rows;
  }
  return counts;
}

void TaskBatches::drop_words(std::int64_t index, EncodedExample& example) const {
  const PhiloxKey key = philox_key(options_.seed ^ 0x776f726464726f70ull);
  std::uint32_t place = 0;
  for (Framed& text : example.texts)
    for (std::int32_t& id : text.ids) {
      const auto bits = philox(key, {place++, static_cast<std::uint32_t>(index),
                                     static_cast<std::uint32_t>(index >> 32), 0});
      if (philox_uniform(bits[0]) < options_.word_dropout && !task_->framer().is_mark(id))
        id = options_.dropped;
    }
}

}  // namespace stemma::tasks
