// The tasks of a fine-tuning run, read: one, or several that share the trunk (multi-task), each
// with rows, labels and a head of its own.
//
//   std::vector<TaskPart> parts = read_parts(recipe, base.config, tokenizer);
//   parts.front();  // the run's own task; the others are those of recipe.also
//
// Of the recipe of a further task only what says which task it is, which data it has, how its texts
// are read and how its rows count (task_weight, class_weights, label_smoothing) counts; everything
// else is the run's. That is said where the file is read.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "checkpoint/config_file.h"
#include "tasks/finetune_recipe.h"
#include "tasks/task.h"
#include "tasks/task_data.h"
#include "text/tokenizer.h"

namespace stemma::tasks {

struct TaskPart {
  FinetuneRecipe recipe;  // its own; model, adapt and marks are the run's
  std::shared_ptr<const Task> task;
  LabelSurvey survey;
  TaskRows train, dev, test;             // test: empty where none is named
  std::vector<EncodedExample> examples;  // of train, which has only rows that can be learned from
  std::vector<EncodedExample> dev_examples;
  std::int64_t train_rows = 0, cut_texts = 0;  // of training

  const TaskDescription& description() const { return task->description(); }
};

// `tokenizer` must outlive the parts. Throws what reading the files gives rise to,
// invalid_argument (a task twice, an impossible choice).
std::vector<TaskPart> read_parts(const FinetuneRecipe& recipe, const checkpoint::ConfigFile& base,
                                 const Tokenizer& tokenizer);

std::vector<TaskDescription> descriptions_of(const std::vector<TaskPart>& parts);

// Of all training examples and of what counts in the recipes of further tasks: a run must go on
// with those that it began with.
std::uint64_t fingerprint_of(const std::vector<TaskPart>& parts);

}  // namespace stemma::tasks
