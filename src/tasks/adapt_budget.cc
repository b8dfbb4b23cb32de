#include "tasks/adapt_budget.h"

#include <algorithm>

namespace stemma::tasks {

void declare(BudgetOptions& b, OptionSet& o) {
  o.add({"init_rank",
         "adalora: rank of every matrix at the start; `rank` is the mean one at the end",
         "12",
         {"init_r"}},
        b.init_rank, {2, 4096});
  o.add({"budget_warmup",
         "adalora: share of the steps at the start in which no rank is dropped",
         "0.1",
         {"tinit"}},
        b.warmup, {0, 1});
  o.add({"budget_final",
         "adalora: share of the steps at the end in which the ranks stay as they are; the best "
         "weights are one of these",
         "0.3",
         {"tfinal"}},
        b.settle, {0, 1});
  o.add({"budget_every",
         "adalora: steps between two that share out the budget of ranks",
         "10",
         {"deltaT", "delta_t"}},
        b.every, {1, 1 << 30});
  o.add({"orthogonality",
         "adalora: weight of the term that keeps the factors near orthogonal",
         "0.5",
         {"orth_reg_weight"}},
        b.orthogonality, {0, 1e6});
  o.add({"sensitivity_decay",
         "adalora: how much of a rank's importance is that of the steps before", "0.85"},
        b.sensitivity_decay, {0, 0.999999});
  o.add({"uncertainty_decay", "adalora: the same of how much the importance changes", "0.85"},
        b.uncertainty_decay, {0, 0.999999});
}

std::shared_ptr<train::RankBudget> make_rank_budget(const BudgetOptions& b, std::int64_t rank,
                                                    std::int64_t steps,
                                                    const nn::AdapterSpec& adapter) {
  const auto share = [&](double of_steps) {
    return static_cast<std::int64_t>(of_steps * static_cast<double>(steps));
  };
  // The last budget is shared out before the final steps, so there is one at least.
  return std::make_shared<train::RankBudget>(
      adapter, train::RankBudgetOptions{.first_rank = b.init_rank,
                                        .rank = rank,
                                        .steps = steps,
                                        .warmup = share(b.warmup),
                                        .settle = std::max<std::int64_t>(1, share(b.settle)),
                                        .every = b.every,
                                        .orthogonality = b.orthogonality,
                                        .beta1 = b.sensitivity_decay,
                                        .beta2 = b.uncertainty_decay});
}

Json budget_settings(const train::RankBudgetOptions& b) {
  return Json::object({{"init_r", b.first_rank},
                       {"target_r", b.rank},
                       {"total_step", b.steps},
                       {"tinit", b.warmup},
                       {"tfinal", b.settle},
                       {"deltaT", b.every},
                       {"orth_reg_weight", b.orthogonality},
                       {"beta1", b.beta1},
                       {"beta2", b.beta2}});
}

}  // namespace stemma::tasks
