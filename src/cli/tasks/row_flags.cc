#include "cli/tasks/row_flags.h"

namespace stemma::cli {

void declare_adapters(std::vector<std::string>& adapters, OptionSet& options) {
  options.add_path({"adapter",
                    "adapters of --model, folders in PEFT's layout; with several, each row of JSON "
                    "names its own (\"adapter\": \"runs/a\")",
                    "runs/lora",
                    {"adapters", "lora", "peft_model"}},
                   adapters);
}

tasks::TaskModel open_task_model(const std::string& model, const std::vector<std::string>& adapters,
                                 const std::string& precision, std::int64_t threads) {
  tasks::TaskModelOptions options;
  options.adapters.assign(adapters.begin(), adapters.end());
  options.precision = precision;
  options.threads = threads;
  return tasks::TaskModel::open(model, options);
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
