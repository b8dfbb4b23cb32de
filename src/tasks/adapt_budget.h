// The options of AdaLoRA's budget (--adapt adalora), and the budget of a run (train/rank_budget.h).
//
//   settings.hook = make_rank_budget(recipe.adapt.budget, recipe.adapt.rank, steps, adapter);
#pragma once

#include <cstdint>
#include <memory>

#include "base/json.h"
#include "base/options.h"
#include "nn/adapter.h"
#include "train/rank_budget.h"

namespace stemma::tasks {

struct BudgetOptions {
  std::int64_t init_rank = 12;        // of every matrix at the start
  double warmup = 0.1, settle = 0.3;  // shares of the steps, at the start and at the end
  std::int64_t every = 1;             // steps
  double orthogonality = 0.5;
  double sensitivity_decay = 0.85, uncertainty_decay = 0.85;
};
void declare(BudgetOptions& options, OptionSet& set);

// `rank`: of the mean matrix at the end. Throws invalid_argument where none of the steps could
// share the budget out.
std::shared_ptr<train::RankBudget> make_rank_budget(const BudgetOptions& options, std::int64_t rank,
                                                    std::int64_t steps,
                                                    const nn::AdapterSpec& adapter);

// The budget by the keys of PEFT's adapter_config.json.
Json budget_settings(const train::RankBudgetOptions& budget);

}  // namespace stemma::tasks
