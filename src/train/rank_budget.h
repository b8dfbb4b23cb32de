// AdaLoRA's budget of ranks (Zhang et al. 2023, section 3; step by step as PEFT 0.21 does it): a
// low-rank change B diag(E) A of every matrix begins with the same rank; while training goes on the
// least important of all triplets (E[i], row i of A, column i of B) are dropped by setting E[i] to
// 0, until the budget of the run is left. So important matrices keep more ranks than others.
//
//   auto budget = std::make_shared<RankBudget>(spec, RankBudgetOptions{.steps = 1000, ...});
//   settings.hook = budget;
//   ... train ...
//   write_adapter(folder, {..., .kept = budget->kept()});
//
// Also adds the term that keeps A and B near orthogonal to the loss, as column `orthogonality`.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "kernels/importance.h"
#include "nn/adapter.h"
#include "train/step_hook.h"

namespace stemma::train {

struct RankBudgetOptions {
  std::int64_t first_rank = 12;  // of every matrix, at the start
  std::int64_t rank = 8;         // of the mean matrix, at the end
  std::int64_t steps = 0;        // of the run
  std::int64_t warmup = 0;       // steps at the start in which nothing is dropped (tinit)
  std::int64_t settle = 1;       // steps at the end in which the ranks stay as they are (tfinal)
  std::int64_t every = 1;        // steps between two budget steps (deltaT)
  double orthogonality = 0.5;    // weight of the term
  double beta1 = 0.85, beta2 = 0.85;  // of the importance (kernels/importance.h)
};

// How many triplets of `matrices` matrices may stay after step `step`, counted from 0: all of them
// in the warmup, then a cubic descent (equation 12).
std::int64_t rank_budget_at(const RankBudgetOptions& options, std::int64_t matrices,
                            std::int64_t step);

class RankBudget final : public StepHook {
 public:
  // Throws invalid_argument, naming the settings, where no step could share out a budget, or where
  // there is nothing to share out.
  RankBudget(const nn::AdapterSpec& spec, const RankBudgetOptions& options);

  void attach(const nn::Parameters& parameters) override;
  std::vector<Metric> before_update(Stream& stream) override;
  void after_update(Stream& stream, const StepUpdate& update) override;
  std::vector<checkpoint::NamedTensor> state() const override;
  void restore(const std::vector<checkpoint::NamedTensor>& state) override;

  // Steps that shared out a budget so far.
  std::int64_t budget_steps() const;
  // The first step, counted from 1, whose weights keep to the budget of the end.
  std::int64_t settled_step() const { return options_.steps - options_.settle + 1; }
  const RankBudgetOptions& options() const { return options_; }
  // Which triplets count, by LowRankSpec::name(); empty before the first budget step. A triplet
  // that was dropped and has moved since (steps between two budget steps) counts.
  std::map<std::string, std::vector<bool>> kept() const;

 private:
  // A trained tensor and what is known of it.
  struct Part {
    Tensor value, gradient, copied;  // `copied`: the step's gradient before the update
    kernels::Importance importance;
  };
  struct Matrix {
    std::string name;
    Part a, b, e;
    Tensor kept;  // [rank, 1] f32: 1 where the triplet stayed at the last budget step
  };
  static Part part_of(const nn::Parameters& parameters, const std::string& name);

  void update_importance(Stream& stream, double gradient_scale);
  void share_out(Stream& stream, std::int64_t budget);
  void drop(Stream& stream);
  void log_ranks() const;

  nn::AdapterSpec spec_;
  RankBudgetOptions options_;
  std::vector<Matrix> matrices_;
  Tensor budget_steps_;  // [1] f32
};

// "layer 0: q 2, v 6; layer 1: q 3, v 1": the ranks of an adapter.
std::string ranks_text(const nn::AdapterSpec& spec);

}  // namespace stemma::train
