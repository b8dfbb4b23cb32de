// The tensors of a model folder: model.safetensors, or the shards that
// model.safetensors.index.json lists.
//
//   WeightFiles files("gpt2");
//   if (auto found = files.find("transformer.wte.weight")) found->read(Memory::shared);
//
// Immutable; usable from several threads. Folders that have only pickle files are refused: pickle
// runs code when it is read.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "checkpoint/safetensors.h"

namespace stemma::checkpoint {

class WeightFiles {
 public:
  struct Entry {
    const SafetensorsReader* file = nullptr;
    const StoredTensor* tensor = nullptr;

    Tensor read(Memory memory) const { return file->read(*tensor, memory); }
    Tensor read_stored(Memory memory) const { return file->read_stored(*tensor, memory); }
    void forget() const { file->forget(*tensor); }
  };

  // Throws not_found (no such files), corrupt (a file is damaged, or the index and the shards
  // contradict each other), unsupported (only pickle files).
  explicit WeightFiles(const std::filesystem::path& folder);

  const std::filesystem::path& folder() const { return folder_; }
  std::vector<Entry> entries() const;
  std::optional<Entry> find(std::string_view name) const;

  // Whether the folder has model.safetensors or its index.
  static bool present(const std::filesystem::path& folder);

 private:
  void open_shards(const std::filesystem::path& index_file);

  std::filesystem::path folder_;
  std::vector<std::unique_ptr<const SafetensorsReader>> files_;
};

}  // namespace stemma::checkpoint
