// A fine-tuning run once or several times with other seeds: how much of a figure is luck. The run
// folder of several seeds has a run folder for each, and itself is the model of the best one:
//
//   run/recipe.toml                          with seeds = N
//   run/seed-1/ ... seed-3/                  as in finetune.h, with seeds = 1
//   run/config.json, model.safetensors, ...  the model of the seed that is best on dev
//   run/report.json, report.md, report.html  its report, with mean ± deviation over the seeds
//
//   recipe.seeds = 3;
//   const FinetuneResult r = run_seeds(recipe, "runs/sst2", train::Resume::never);
//   r.report.seed_figures;  // accuracy of seeds 1, 2, 3; ...; accuracy_under_small_changes
#pragma once

#include <filesystem>

#include "base/interrupt.h"
#include "tasks/finetune.h"

namespace stemma::tasks {

// recipe.seeds = 1: run_finetune(). More: seeds recipe.seed to recipe.seed + seeds - 1, one after
// the other. The result is the chosen seed's, or that of the seed which an interrupt ended. When a
// run goes on, seeds that have a report are not trained again, the others go on from their newest
// checkpoint, and `seeds` may be larger or smaller than before.
// Throws as run_finetune(); invalid_argument where the folder holds a run of one seed and several
// are wanted, or the other way round; corrupt for a report of a seed that was damaged.
FinetuneResult run_seeds(FinetuneRecipe recipe, const std::filesystem::path& run,
                         train::Resume resume, Interrupt interrupt = {});

}  // namespace stemma::tasks
