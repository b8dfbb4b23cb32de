// What --model means wherever weights are read: a model folder as Hugging Face writes it, a run
// folder (its newest whole checkpoint) or a GGUF file.
//
//   StoredModel stored = open_stored_model("runs/bible");
//   std::unique_ptr<Model> model = build_model(stored.config.model, *stored.source);
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "checkpoint/config_file.h"
#include "checkpoint/generation_config.h"
#include "nn/weight_source.h"
#include "text/tokenizer.h"

namespace stemma::checkpoint {

struct StoredModel {
  std::filesystem::path path;  // the folder or the file that holds the weights
  ConfigFile config;
  GenerationConfig generation;
  // Of its own files; null where it has none. Whether it fits the model has been checked.
  std::shared_ptr<const Tokenizer> tokenizer;
  std::unique_ptr<nn::WeightSource> source;
};

enum class WithTokenizer : std::uint8_t { no, yes };

// Logs a warning for checkpoints that are damaged and passed over. Throws not_found saying what was
// looked for, corrupt, unsupported.
StoredModel open_stored_model(const std::filesystem::path& path,
                              WithTokenizer tokenizer = WithTokenizer::yes);

// Throws corrupt when texts could become ids that the model in `path` does not have. Special tokens
// beyond them, for padding or of an adapter, are passed over with a line in the log: texts never
// yield these.
void require_fitting(const Tokenizer& tokenizer, const ModelConfig& model,
                     const std::filesystem::path& path);

}  // namespace stemma::checkpoint
