// The decisions of a fine-tuning run that follow from its recipe, the model and the data: what the
// head reads, what stands around texts, what is trained and how fast.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "checkpoint/config_file.h"
#include "tasks/description.h"
#include "tasks/finetune_recipe.h"
#include "tasks/task.h"
#include "tasks/task_data.h"
#include "text/tokenizer.h"
#include "train/adamw.h"
#include "train/schedule.h"

namespace stemma::tasks {

// Throws invalid_argument for a choice that the model or the task cannot have, saying which it can.
TaskDescription describe_task(const FinetuneRecipe& recipe, const LabelSurvey& survey,
                              const checkpoint::ConfigFile& model, const Tokenizer& tokenizer);

// The configuration of the fine-tuned model: with a head for each task, without heads that it has
// no use for, with the new tokens of `marks = added`.
checkpoint::ConfigFile config_with_heads(const FinetuneRecipe& recipe,
                                         const std::vector<TaskDescription>& tasks,
                                         checkpoint::ConfigFile model, const Tokenizer& tokenizer);

// The configuration of `base` with a head for each task, as it is used.
checkpoint::ConfigFile config_for(const std::vector<TaskDescription>& tasks,
                                  checkpoint::ConfigFile base);
// A model without any head.
ModelConfig trunk_of(ModelConfig config);

// Fills in what the recipe leaves to be chosen. Throws invalid_argument for what does not fit.
void resolve(FinetuneRecipe& recipe, double usual_rate);

std::int64_t steps_of(const FinetuneRecipe& recipe, std::int64_t examples);
train::Schedule schedule_of(const FinetuneRecipe& recipe, std::int64_t steps);
// The factor of each parameter's learning rate; empty: 1.
std::function<double(std::string_view)> rate_factor_of(const FinetuneRecipe& recipe,
                                                       const ModelConfig& model);

// Gives the examples the weights that `class_weights = balanced` asks for, and smooths what they
// want: 1 - ε on the label, ε spread over all. Throws invalid_argument where the task cannot have
// that.
void weigh_and_smooth(const FinetuneRecipe& recipe, const TaskDescription& task,
                      const LabelSurvey& survey, const std::vector<labelled::Row>& rows,
                      std::vector<EncodedExample>& examples);

}  // namespace stemma::tasks
