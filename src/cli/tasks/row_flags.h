// What the commands that use a fine-tuned model have in common: the model with its adapters, and
// where rows have their texts.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/options.h"
#include "data/labelled/rows.h"
#include "tasks/task_model.h"

namespace stemma::cli {

// Which fine-tuned model, how it is run: --model, --adapter, --head, --precision, --threads.
struct TaskModelFlags {
  std::string model, head, precision = "auto";
  std::vector<std::string> adapters;
  std::int64_t threads = 0;
};
void declare(TaskModelFlags& flags, OptionSet& options);
tasks::TaskModel open_task_model(const TaskModelFlags& flags);

// `given`: of the command line; `trained`: of the model. Whatever is at its default in `given` is
// taken from `trained`.
labelled::RowOptions columns_for(const labelled::RowOptions& given,
                                 const labelled::RowOptions& trained, bool needs_label);

}  // namespace stemma::cli
