// A training run: a folder with its recipe, metrics, picture and checkpoints, from data to the last
// step, resumable.
//
//   run/recipe.toml       the resolved recipe
//   run/data/             the packed data, where the recipe names text files
//   run/metrics.jsonl     a line a step (train/metrics.h)
//   run/loss.svg          the loss curve
//   run/checkpoints/...   checkpoint/run_folder.h
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/interrupt.h"
#include "train/metric.h"
#include "train/recipe.h"

namespace stemma::train {

enum class Resume {
  never,      // the folder must not hold a run
  automatic,  // from the newest whole checkpoint; from the start where there is none
};

struct RunResult {
  std::int64_t steps = 0, tokens = 0;
  std::int64_t parameters = 0;
  std::optional<double> loss;  // of this session's last step
  double tokens_per_s = 0;     // of this session, without evaluations and checkpoints
  double share_of_peak = 0;
  // The columns of the last evaluation, `val_loss` first; not numbers where there was none yet.
  std::vector<Metric> evaluation;
  std::filesystem::path checkpoint;  // the newest
  int signal = 0;  // of the interrupt that ended the run early, with everything saved
};

// Runs `recipe` to its last step, showing progress on standard error. The interrupt
// ends it after the current step, or at its next micro-batch as if the step had not begun, with a
// checkpoint. When it goes on from a checkpoint, the recipe must be the run's own, as far as the
// result depends on it; precision `auto` keeps the run's.
// Throws invalid_argument (recipe; the folder holds another run; divergence), and what data, model
// and checkpoint files give rise to.
RunResult run_training(Recipe recipe, const std::filesystem::path& run, Resume resume,
                       Interrupt interrupt = {});

// The recipe that a run folder was started with, where it has one.
std::optional<std::filesystem::path> saved_recipe(const std::filesystem::path& run);

}  // namespace stemma::train
