// From a recipe and a run folder to a trainer that stands at its first or next step.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "base/file.h"
#include "checkpoint/config_file.h"
#include "checkpoint/generation_config.h"
#include "data/dataset.h"
#include "device/stream.h"
#include "text/tokenizer.h"
#include "train/recipe.h"
#include "train/run.h"
#include "train/trainer.h"

namespace stemma::train {

struct Setup {
  Recipe recipe;  // resolved
  std::shared_ptr<const Tokenizer> tokenizer;
  checkpoint::ConfigFile model;
  checkpoint::GenerationConfig generation;  // of the model that the run goes on from
  std::string weights_from;                 // "fresh, of seed 1" or the folder they were read from
  Dataset data;
  std::uint64_t data_fingerprint = 0;       // of its training tokens
  std::unique_ptr<FolderLock> folder_lock;  // of the run folder
  ops::Numerics numerics;
  std::unique_ptr<Stream> stream;
  std::unique_ptr<Trainer> trainer;
  Json course;  // of the checkpoint that the run goes on from (train/loop.h)
};

// Creates the run folder or opens it, packs the data, builds the model (run.h says what it throws).
// Nothing when the interrupt stopped the packing.
std::optional<Setup> set_up(Recipe recipe, const std::filesystem::path& run, Resume resume,
                            Interrupt interrupt = {});

// Which weights the recipe calls the best.
BestPlan best_plan(const Recipe& recipe);

// Writes a checkpoint of the trainer's state, and of the loop's course; returns its folder.
std::filesystem::path save_checkpoint(const Setup& setup, const std::filesystem::path& run,
                                      const Json& course);

}  // namespace stemma::train
