// The objective of fine-tuning: the losses of the tasks' heads and, where asked for, λ times the
// language model's loss on the same texts (Radford et al. 2018, equation 5).
//
//   TaskObjective objective({{task, held_out}}, batches, {.language_model = 0.5});
//
// Every example of a step weighs the same, whatever its task: the loss of a task is the mean over
// its answers in the step, times its share of the step's examples, times its weight.
//
// Columns: loss; with several losses also task_loss (of several tasks: <name>_loss, what each adds
// to the loss without its weight) and lm_loss. The evaluation's are figure_columns(), those of
// further tasks as val_<name>_<figure>, and of several tasks val_mean.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
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

// A task that a model learns, with the rows that it is evaluated on.
struct LearntTask {
  std::shared_ptr<const Task> task;
  HeldOut held_out;
  double weight = 1;  // of its loss
};

// Of several tasks: the mean of the figures by which the best weights of each would be chosen.
inline constexpr const char* kMeanColumn = "val_mean";

// The column of a task's figure, "val_accuracy": of the first task as it is, of a further one with
// its name, "val_rte_accuracy".
std::string evaluation_column(std::size_t place, const TaskDescription& task,
                              std::string_view figure);

class TaskObjective final : public train::Objective {
 public:
  struct Options {
    double language_model = 0;  // λ
  };

  // `tasks`: in the order of the model's heads and of the batches' tasks.
  TaskObjective(std::vector<LearntTask> tasks, std::shared_ptr<const TaskBatches> batches,
                const Options& options);

  const train::BatchSource& batches() const override { return *batches_; }
  bool shapes_vary() const override { return true; }
  std::vector<train::Loss> losses(const train::States& states,
                                  const train::Counts& step) const override;
  std::vector<std::string_view> evaluation_columns() const override;
  std::vector<train::Metric> evaluate(const train::Inference& inference) const override;

 private:
  std::vector<LearntTask> tasks_;
  std::vector<std::string> loss_columns_;        // one a task
  std::vector<std::string> evaluation_columns_;  // of all tasks
  std::shared_ptr<const TaskBatches> batches_;
  Options options_;
};

}  // namespace stemma::tasks
