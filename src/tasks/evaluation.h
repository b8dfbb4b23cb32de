// What a model answers on labelled rows, and how good that is: the one place from which the
// evaluations of a training run, `eval task` and the final report have their figures.
//
//   const std::vector<Answer> answers = answer_all(inference, task, examples, rows);
//   const std::vector<train::Metric> columns = quick_figures(task, rows, answers);
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "tasks/task.h"
#include "tasks/task_data.h"
#include "train/objective.h"

namespace stemma::tasks {

struct Answer {
  Prediction prediction;
  double loss = 0;           // of its labels; 0 where it has none
  std::int64_t answers = 0;  // that this is the sum over: 1, or words
};

// Runs the examples through the model, several at a time, in their order.
std::vector<Answer> answer_all(const train::Inference& inference, const Task& task,
                               const std::vector<EncodedExample>& examples,
                               const std::vector<labelled::Row>& rows);
// The same for examples [first, end) of one batch that has run.
void answer_batch(const train::States& states, const Task& task,
                  const std::vector<EncodedExample>& examples,
                  const std::vector<labelled::Row>& rows, std::size_t first, std::size_t end,
                  std::vector<Answer>& answers);

// "val_loss" and the task's figures as columns of metrics.jsonl: accuracy, macro_f1, matthews;
// micro_f1 of several labels; pearson and spearman of numbers; entity_f1.
std::vector<std::string_view> figure_columns(const TaskDescription& task);
// The column by which the best weights are chosen where nobody says another.
std::string_view usual_best(const TaskDescription& task);
std::vector<train::Metric> quick_figures(const Task& task, const std::vector<labelled::Row>& rows,
                                         const std::vector<Answer>& answers);

}  // namespace stemma::tasks
