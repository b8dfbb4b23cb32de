// From a recipe of fine-tuning and a run folder to a trainer that stands at its first or next step.
// Private to tasks/.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/file.h"
#include "checkpoint/config_file.h"
#include "checkpoint/generation_config.h"
#include "device/stream.h"
#include "tasks/adapt.h"
#include "tasks/finetune_recipe.h"
#include "tasks/task_objective.h"
#include "tasks/task_parts.h"
#include "text/tokenizer.h"
#include "train/loop.h"
#include "train/resume.h"
#include "train/trainer.h"

namespace stemma::tasks {

struct FinetuneSetup {
  FinetuneRecipe recipe;  // resolved
  std::shared_ptr<const Tokenizer> tokenizer;
  std::vector<TaskPart> parts;  // the tasks, whose training examples have moved to the trainer
  checkpoint::ConfigFile model;
  std::filesystem::path base;  // where its weights came from
  std::string base_sample;     // of them, where an adapter is trained
  checkpoint::GenerationConfig generation;
  Adaptation adaptation;
  std::shared_ptr<train::RankBudget> rank_budget;  // of AdaLoRA; null elsewhere
  std::int64_t train_rows = 0;                     // of all tasks
  std::uint64_t data_fingerprint = 0;              // of the training examples
  std::int64_t steps = 0, steps_an_epoch = 0;
  double mean_tokens = 0;  // of a training example
  std::optional<train::Adversarial> adversarial;
  std::unique_ptr<FolderLock> folder_lock;
  ops::Numerics numerics;
  std::unique_ptr<Stream> stream;
  std::unique_ptr<train::Trainer> trainer;
  Json course;
};

// Throws as run_finetune().
FinetuneSetup set_up_finetune(FinetuneRecipe recipe, const std::filesystem::path& run,
                              train::Resume resume, Interrupt interrupt);

// Writes a checkpoint of the trainer's state, and of the loop's course; returns its folder.
std::filesystem::path save_checkpoint(const FinetuneSetup& setup, const std::filesystem::path& run,
                                      const Json& course);

}  // namespace stemma::tasks
