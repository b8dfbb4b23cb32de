// The loop around a trainer: steps with metrics, a progress line, evaluations, checkpoints, early
// stopping, and the best weights kept. What a run is for (a language model, a task) is said by its
// trainer and its plan.
//
//   Loop loop(trainer, plan, run_folder, interrupt);
//   const LoopResult result = loop.to_the_end();
//
// One thread.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/interrupt.h"
#include "base/json.h"
#include "base/progress.h"
#include "train/metric.h"
#include "train/metrics.h"
#include "train/trainer.h"

namespace stemma::train {

// Which weights of a run are the best, and when there will be no better ones.
struct BestPlan {
  std::string metric;          // a column of the evaluation ("val_loss"); empty: none is looked for
  bool higher = false;         // whether larger values are better
  std::int64_t patience = 0;   // evaluations without a better value that end the run; 0: none do
  std::int64_t from_step = 0;  // weights of earlier steps are not in question
};

struct LoopPlan {
  std::int64_t steps = 0;       // of the whole run
  std::int64_t eval_every = 0;  // steps; 0: never
  std::int64_t save_every = 0;  // steps; 0: only at the end
  BestPlan best;
  // Leaves only the newest checkpoint and the one of the best weights.
  bool prune = false;
  double flop_per_token = 0, peak_flops = 0;
  // Writes a checkpoint of the trainer's state and returns its folder. `course`: what the loop has
  // to know to go on, an object for TrainingState::extra.
  std::function<std::filesystem::path(const Json& course)> save;
};

struct LoopResult {
  std::optional<double> loss;  // of this session's last step
  double tokens_per_s = 0;     // of this session, without evaluations and checkpoints
  double share_of_peak = 0;
  std::vector<Metric> evaluation;    // the last one; not numbers where there was none yet
  std::filesystem::path checkpoint;  // the newest
  std::int64_t best_step = -1;       // -1: none was looked for
  double best = 0;                   // its value of the plan's metric
  std::filesystem::path best_checkpoint;
  bool stopped_early = false;
  int signal = 0;  // of the interrupt that ended the loop, with everything saved
};

class Loop {
 public:
  // `trainer` must outlive the loop. `course`: of the checkpoint that the run goes on from. Throws
  // invalid_argument for a best metric that the objective does not have, naming those it has.
  Loop(Trainer& trainer, LoopPlan plan, const std::filesystem::path& run, Interrupt interrupt = {},
       const Json& course = {});

  // Runs the steps that are left. An error of a step leaves a checkpoint of the step before it.
  LoopResult to_the_end();

 private:
  void one_step();
  void evaluate();
  void judge();
  void save();
  void save_what_there_is();
  void prune_checkpoints() const;
  Json course() const;
  std::string progress_text(const StepResult& step, double rate, double share) const;

  Trainer& trainer_;
  LoopPlan plan_;
  std::filesystem::path folder_;
  Interrupt interrupt_;
  MetricsLog metrics_;
  EtaEstimator eta_;
  ProgressLine progress_;
  LoopResult result_;
  std::int64_t worse_ = 0;  // evaluations since the best
  std::chrono::steady_clock::time_point began_ = std::chrono::steady_clock::now();
  double step_seconds_ = 0;
  std::int64_t step_tokens_ = 0;
  std::int64_t saved_step_ = -1;
};

}  // namespace stemma::train
