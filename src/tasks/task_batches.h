// The batches of a training run on labelled examples: every epoch goes through all of them in
// another order, a pure function of the seed.
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

class TaskBatches final : public train::BatchSource {
 public:
  // Examples without `wanted` must not be among them.
  TaskBatches(std::shared_ptr<const Task> task, std::vector<EncodedExample> examples,
              const TaskBatchOptions& options);

  std::int64_t examples() const { return static_cast<std::int64_t>(examples_.size()); }
  std::int64_t sequence_length() const override { return longest_; }
  double mean_tokens() const;  // of an example
  // An "example" here is a "sequence" of train/batch_source.h.
  void fill(std::int64_t first, std::int64_t count, std::int64_t first_number,
            Batch& batch) const override;
  train::Counts counts(std::int64_t first, std::int64_t count) const override;

 private:
  const EncodedExample& example_at(std::int64_t index) const;
  void drop_words(std::int64_t index, EncodedExample& example) const;

  std::shared_ptr<const Task> task_;
  std::vector<EncodedExample> examples_;
  TaskBatchOptions options_;
  std::int64_t longest_ = 0;
};

}  // namespace stemma::tasks
