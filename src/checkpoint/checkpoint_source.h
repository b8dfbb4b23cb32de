// A Hugging Face model folder as the source of a model's weights.
//
//   CheckpointSource source("gpt2", Memory::shared);
//   Decoder model(source.config().decoder, source);
//
// The constructor checks the whole folder, so nothing can be half loaded: every parameter that
// config.json implies must be there in its shape, and nothing else may be (old files' buffers
// excepted). Memory::shared hands out f32 tensors inside the mapped file, which must not be
// written; Conv1D matrices and other element types are converted into fresh memory either way. A
// trainer asks for Memory::own.
//
// Immutable; usable from several threads. Throws not_found (no such file or parameter), corrupt
// (damage; config and weights contradict each other), unsupported (model type, element type).
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <string_view>

#include "checkpoint/model_config.h"
#include "checkpoint/parameter_names.h"
#include "checkpoint/weight_files.h"
#include "nn/weight_source.h"

namespace stemma::checkpoint {

// config.json of a folder, with what only the weights tell: an untied head where config.json leaves
// it open, and a head with bias. Reads the weights' headers, and the head to compare it with the
// embedding. A head with bias counts as untied. Throws as above.
ModelConfig load_config(const std::filesystem::path& folder);

class CheckpointSource : public nn::WeightSource {
 public:
  CheckpointSource(const std::filesystem::path& folder, Memory memory);

  const ModelConfig& config() const { return config_; }

  // By our names. `init` is not used: a checkpoint has every value. Throws corrupt where the model
  // asks for another shape than config.json implies.
  Weight matrix(std::string_view name, std::int64_t out, std::int64_t in, nn::Init init) override;
  Tensor vector(std::string_view name, std::int64_t size, nn::Init init) override;
  // [out, in] or [size], f32.
  Tensor parameter(std::string_view name) const;

 private:
  struct Item {
    Parameter parameter;
    WeightFiles::Entry entry;
  };
  const Item& item(std::string_view name) const;
  void collect();

  WeightFiles files_;
  Memory memory_;
  ModelConfig config_;
  std::map<std::string, Item, std::less<>> items_;
};

}  // namespace stemma::checkpoint
