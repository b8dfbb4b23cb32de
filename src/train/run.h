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

#include "base/interrupt.h"
#include "device/stream.h"
#include "ops/context.h"
#include "train/loop.h"
#include "train/recipe.h"
#include "train/resume.h"

namespace stemma::train {

struct RunResult : LoopResult {
  std::int64_t steps = 0, tokens = 0;
  std::int64_t parameters = 0;
};

// Runs `recipe` to its last step, showing progress on standard error. The interrupt
// ends it after the current step, or at its next micro-batch as if the step had not begun, with a
// checkpoint. When it goes on from a checkpoint, the recipe must be the run's own, as far as the
// result depends on it; precision `auto` keeps the run's.
// Throws invalid_argument (recipe; the folder holds another run; divergence), and what data, model
// and checkpoint files give rise to.
RunResult run_training(Recipe recipe, const std::filesystem::path& run, Resume resume,
                       Interrupt interrupt = {});

// What this machine reaches in the type that products multiply in, in FLOP/s: a short measurement.
double multiply_peak(Stream& stream, const ops::Numerics& numerics);

}  // namespace stemma::train
