// What of a model is trained (--adapt): everything, the head, the top layers, or an adapter beside
// frozen weights.
//
//   const Adaptation adaptation = adaptation_of(recipe, config);
//   settings.trainable = adaptation.trainable;
//   settings.adapter = adaptation.adapter;
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/options.h"
#include "models/config.h"
#include "nn/adapter.h"
#include "nn/parameters.h"
#include "tasks/adapt_budget.h"

namespace stemma::tasks {

struct AdaptOptions {
  std::string adapt = "full";  // full, head, top:N, lora, adalora, adapter, prefix, prompt
  std::vector<std::string> targets = {"auto"};
  std::int64_t rank = 8;
  double alpha = 16;
  bool rank_stabilised = false;
  double adapter_dropout = 0;
  std::int64_t adapter_width = 64;
  std::int64_t virtual_tokens = 20;
  BudgetOptions budget;  // of AdaLoRA, whose `rank` is the mean one at the end
};
void declare(AdaptOptions& options, OptionSet& set);

struct Adaptation {
  nn::Trainable trainable;  // empty: everything
  std::optional<nn::AdapterSpec> adapter;
  Json settings = Json::object();  // for adapter_config.json
  double usual_rate = 5e-5;        // learning rate where none is given
};
// Throws invalid_argument for what the model cannot have.
Adaptation adaptation_of(const AdaptOptions& options, const ModelConfig& model);

// The positions that a prefix or a prompt takes of the model's context; 0: there is none.
std::int64_t virtual_tokens_of(const AdaptOptions& options);

// Whether a parameter is of a task's head.
bool is_of_task_head(std::string_view name);

}  // namespace stemma::tasks
