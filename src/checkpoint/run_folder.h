// The checkpoints of a run: whole or absent, checksummed, newest first.
//
//   run/checkpoints/step-00000100/   config.json, model.safetensors, tokenizer files: a model
//                                    folder that transformers opens
//                                    optimizer.safetensors: the optimizer's moments
//                                    state.json: TrainingState, and size and XXH3-64 of every
//                                    other file
//
// A checkpoint is written as step-00000100.partial, every file fsynced, and renamed at the end; one
// of the same step is exchanged in one atomic rename. A process that dies at any moment leaves the
// earlier checkpoints untouched and at most a .partial folder, which the next write removes.
//
// One process writes to a run; any number may read.
#pragma once

#include <cstdint>
#include <filesystem>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "checkpoint/adapter_folder.h"
#include "checkpoint/export.h"
#include "checkpoint/training_state.h"

namespace stemma::checkpoint {

struct Checkpoint {
  Export model;
  // An adapter instead of a model: then only its tokenizer and other files are used of `model`.
  std::optional<AdapterExport> adapter = {};
  std::span<const NamedTensor> optimizer;  // any names; read again by them
  TrainingState state;
};

// Returns the checkpoint's folder. Throws device (no space, I/O error) after removing the partial
// folder, and what export_model() throws.
std::filesystem::path write_checkpoint(const std::filesystem::path& run,
                                       const Checkpoint& checkpoint);

struct FoundCheckpoint {
  std::filesystem::path folder;
  TrainingState state;
  // What a person should be told: newer checkpoints that are damaged, and why.
  std::vector<std::string> warnings;
};

// Whether a run has a checkpoint, whole or damaged. What a killed process was still writing is
// none.
bool has_checkpoints(const std::filesystem::path& run);

// Where the checkpoint of a step lies: run/checkpoints/step-00000100.
std::filesystem::path checkpoint_folder(const std::filesystem::path& run, std::int64_t step);
// Removes all checkpoints but those of these steps. Throws device.
void keep_checkpoints(const std::filesystem::path& run, std::span<const std::int64_t> steps);
inline void keep_checkpoints(const std::filesystem::path& run,
                             std::initializer_list<std::int64_t> steps) {
  keep_checkpoints(run, std::span<const std::int64_t>(steps.begin(), steps.size()));
}

// What is wanted of a checkpoint: the model alone is whole without the optimizer's file.
enum class CheckpointParts : std::uint8_t { model, all };

// The newest checkpoint whose files are there with their sizes and checksums.
// Throws not_found (none at all), corrupt (all are damaged; the reasons are in the message).
FoundCheckpoint newest_checkpoint(const std::filesystem::path& run,
                                  CheckpointParts parts = CheckpointParts::all);

// Size and checksum of every file of one checkpoint. Throws not_found, corrupt.
TrainingState verify_checkpoint(const std::filesystem::path& folder,
                                CheckpointParts parts = CheckpointParts::all);

// All tensors of optimizer.safetensors, f32, in memory of their own.
std::vector<NamedTensor> read_optimizer(const std::filesystem::path& checkpoint);

// Puts the model of a checkpoint (every file but the optimizer's and the state) into a folder that
// exists, its weights last: a folder without them is no model yet. Throws device.
void publish_model(const std::filesystem::path& checkpoint, const std::filesystem::path& to);

struct ModelFolder {
  std::filesystem::path folder;
  std::vector<std::string> warnings;  // as in FoundCheckpoint
};

// What --model means: a model folder as it is, or a run folder's newest whole model. Throws
// not_found saying what was looked for.
ModelFolder resolve_model_folder(const std::filesystem::path& path);

}  // namespace stemma::checkpoint
