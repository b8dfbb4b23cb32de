// A fine-tuning run: a folder with its recipe, metrics, checkpoints, report and, at the end, the
// fine-tuned model itself, as a Hugging Face folder that `predict` and transformers open.
//
//   run/recipe.toml, metrics.jsonl, loss.svg, checkpoints/   as in train/run.h
//   run/config.json, model.safetensors, tokenizer files      the model with its best weights
//   run/stemma_task.json                                     what it does (description.h)
//   run/report.json, report.md, report.html                  how good it is (report/report.h)
//   run/NAME/recipe.toml, report.json, report.md, .html      of each further task (also)
#pragma once

#include <cstdint>
#include <filesystem>

#include "base/interrupt.h"
#include "tasks/finetune_recipe.h"
#include "tasks/report/report.h"
#include "train/loop.h"
#include "train/resume.h"

namespace stemma::tasks {

struct FinetuneResult : train::LoopResult {
  std::int64_t steps = 0, trained_parameters = 0, parameters = 0;
  Report report;  // of the best weights; empty where the run was interrupted
};

// Runs the recipe to its last step, showing progress on standard error; resumable as
// train::run_training(). Throws invalid_argument (recipe; the folder holds another run), corrupt
// (data), and what model and checkpoint files give rise to.
FinetuneResult run_finetune(FinetuneRecipe recipe, const std::filesystem::path& run,
                            train::Resume resume, Interrupt interrupt = {});

}  // namespace stemma::tasks
