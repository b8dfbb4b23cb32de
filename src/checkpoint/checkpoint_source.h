// A Hugging Face model folder as the source of a model's weights.
//
//   CheckpointSource source("gpt2", Memory::shared);
//   std::unique_ptr<Model> model = build_model(source.config().model, source);
//
// The constructor checks the whole folder, so nothing can be half loaded: every parameter that
// config.json implies must be there in its shape, and nothing else may be (old files' buffers
// excepted). Vectors are handed out in f32, matrices and tables in the encoding of the file
// where that is F32, BF16 or F16. With Memory::shared they lie inside the mapped file and must not
// be written; transposed matrices, parameters that the file keeps in parts, and F64 go into fresh
// memory either way.
//
// Immutable; usable from several threads. Throws not_found (no such file or parameter), corrupt
// (damage; config and weights contradict each other), unsupported (model type, element type).
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "checkpoint/config_file.h"
#include "checkpoint/import_rules.h"
#include "checkpoint/weight_files.h"
#include "nn/weight_source.h"

namespace stemma::checkpoint {

// config.json of a folder, with what only the weights tell: an untied head where config.json leaves
// it open, and a head with bias. Reads the weights' headers, and the head to compare it with the
// embedding. A head with bias counts as untied. Throws as above.
ConfigFile load_config(const std::filesystem::path& folder);

class CheckpointSource : public nn::WeightSource {
 public:
  CheckpointSource(const std::filesystem::path& folder, Memory memory);

  const ConfigFile& config() const { return config_; }

  // By the parameter's name; its initialisation is not used, since a checkpoint has every value.
  // Throws corrupt where the model asks for another shape than config.json implies.
  Weight load(const nn::ParameterSpec& spec) override;

 private:
  struct Item {
    nn::ParameterSpec spec;
    std::vector<FileTensor> tensors;
    std::vector<WeightFiles::Entry> entries;  // one for each tensor
    std::vector<WeightFiles::Entry> twins;    // what the file has of them under another name
  };
  void collect();
  // Finds and checks the tensors of one parameter; the names of missing ones go to `missing`.
  Item find_tensors(const nn::ParameterSpec& spec, std::vector<std::string>& missing) const;

  WeightFiles files_;
  Memory memory_;
  ConfigFile config_;
  std::map<std::string, Item, std::less<>> items_;
};

}  // namespace stemma::checkpoint
