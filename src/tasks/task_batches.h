// The batches of a training run on labelled examples: every epoch goes through all of them in
// another order, a pure function of the seed. The examples of several tasks are mixed: each comes
// as often as it has rows.
//
//   TaskBatches batches(task, std::move(examples), {.seed = 1});
//   Trainer trainer(..., std::make_shared<TaskObjective>(...), stream);
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "tasks/task.h"
#include "train/batch_source.h"

namespace stemma::tasks {

struct TaskBatchOptions {
  std::uint64_t seed = 0;
  // The share of text tokens that `dropped` stands in for, others in each epoch (word dropout;
  // Iyyer et al. 2015, 3.2).
  double word_dropout = 0;
  std::int32_t dropped = 0;
  bool next_tokens = false;  // fill in the targets of the auxiliary language-model loss
};

// The examples of a task, whose place in the list is that of its head.
struct TaskExamples {
  std::shared_ptr<const Task> task;
  std::vector<EncodedExample> examples;  // all of them with `wanted`
};

class TaskBatches final : public train::BatchSource {
 public:
  // Throws corrupt for a task without examples.
  TaskBatches(std::vector<TaskExamples> tasks, const TaskBatchOptions& options);
  TaskBatches(std::shared_ptr<const Task> task, std::vector<EncodedExample> examples,
              const TaskBatchOptions& options);

  std::int64_t examples() const { return examples_; }
  std::int64_t sequence_length() const override { return longest_; }
  double mean_tokens() const;  // of an example
  // An "example" here is a "sequence" of train/batch_source.h.
  void fill(std::int64_t first, std::int64_t count, std::int64_t first_number,
            Batch& batch) const override;
  train::Counts counts(std::int64_t first, std::int64_t count) const override;

 private:
  struct Place {
    std::size_t head = 0;
    const EncodedExample* example = nullptr;
  };
  Place place_of(std::int64_t index) const;
  void drop_words(std::int64_t index, const Task& task, EncodedExample& example) const;

  std::vector<TaskExamples> tasks_;
  std::int64_t examples_ = 0;  // of all tasks
  TaskBatchOptions options_;
  std::int64_t longest_ = 0;
};

}  // namespace stemma::tasks
