#include "cli/tasks/row_flags.h"

#include "cli/model_flags.h"

namespace stemma::cli {

void declare(TaskModelFlags& flags, OptionSet& options) {
  options.add_path({"model",
                    "a fine-tuned model: a run folder of finetune or a Hugging Face folder",
                    "runs/sst2",
                    {"model_name_or_path", "m"}},
                   flags.model);
  options.add_path({"adapter",
                    "adapters of --model, folders in PEFT's layout; with several, each row of JSON "
                    "names its own (\"adapter\": \"runs/a\")",
                    "runs/lora",
                    {"adapters", "lora", "peft_model"}},
                   flags.adapters);
  options.add({"head", "which task of a model that learned several; empty: the first", "rte"},
              flags.head);
  declare_precision(flags.precision, options);
  declare_threads(flags.threads, options);
}

tasks::TaskModel open_task_model(const TaskModelFlags& flags) {
  tasks::TaskModelOptions options;
  options.adapters.assign(flags.adapters.begin(), flags.adapters.end());
  options.head = flags.head;
  options.precision = flags.precision;
  options.threads = flags.threads;
  return tasks::TaskModel::open(flags.model, options);
}

labelled::RowOptions columns_for(const labelled::RowOptions& given,
                                 const labelled::RowOptions& trained, bool needs_label) {
  const labelled::RowOptions usual;
  labelled::RowOptions rows = given;
  rows.needs_label = needs_label;
  const auto fill = [&](auto labelled::RowOptions::*field) {
    if (given.*field == usual.*field) rows.*field = trained.*field;
  };
  fill(&labelled::RowOptions::text_columns);
  fill(&labelled::RowOptions::second_column);
  fill(&labelled::RowOptions::label_column);
  fill(&labelled::RowOptions::choice_columns);
  fill(&labelled::RowOptions::label_separator);
  return rows;
}

}  // namespace stemma::cli
