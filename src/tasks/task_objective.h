// The objective of fine-tuning: the loss of a task's head and, where asked for, λ times the
// language model's loss on the same texts (Radford et al. 2018, equation 5).
//
//   TaskObjective objective(task, batches, held_out, {.language_model = 0.5});
//
// Columns: loss; task_loss and lm_loss where there are both; the evaluation's are figure_columns().
#pragma once

#include <memory>
#include <vector>

#include "tasks/evaluation.h"
#include "tasks/task_batches.h"
#include "tasks/task_data.h"
#include "train/objective.h"

namespace stemma::tasks {

// Labelled rows and how the model reads them.
struct HeldOut {
  std::vector<labelled::Row> rows;
  std::vector<EncodedExample> examples;
};

class TaskObjective final : public train::Objective {
 public:
  struct Options {
    double language_model = 0;  // λ
  };

  TaskObjective(std::shared_ptr<const Task> task, std::shared_ptr<const TaskBatches> batches,
                HeldOut held_out, const Options& options)
      : task_(std::move(task)),
        batches_(std::move(batches)),
        held_out_(std::move(held_out)),
        options_(options) {}

  const train::BatchSource& batches() const override { return *batches_; }
  bool shapes_vary() const override { return true; }
  std::vector<train::Loss> losses(const train::States& states,
                                  const train::Counts& step) const override;
  std::vector<std::string_view> evaluation_columns() const override;
  std::vector<train::Metric> evaluate(const train::Inference& inference) const override;

 private:
  std::shared_ptr<const Task> task_;
  std::shared_ptr<const TaskBatches> batches_;
  HeldOut held_out_;
  Options options_;
};

}  // namespace stemma::tasks
