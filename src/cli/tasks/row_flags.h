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

// --adapter, and a fine-tuned model opened with what these options say.
void declare_adapters(std::vector<std::string>& adapters, OptionSet& options);
tasks::TaskModel open_task_model(const std::string& model, const std::vector<std::string>& adapters,
                                 const std::string& precision, std::int64_t threads);

// `given`: of the command line; `trained`: of the model. Whatever is at its default in `given` is
// taken from `trained`.
labelled::RowOptions columns_for(const labelled::RowOptions& given,
                                 const labelled::RowOptions& trained, bool needs_label);

}  // namespace stemma::cli
