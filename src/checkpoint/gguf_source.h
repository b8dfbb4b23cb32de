// A GGUF file as the source of a model's weights: the same interface as a Hugging Face folder
// (checkpoint_source.h), with quantised tensors converted to f32.
//
//   GgufSource source("SmolLM2-135M-Instruct.Q4_1.gguf");
//   std::unique_ptr<Model> model = build_model(source.config().model, source);
//
// The constructor checks that the file has every tensor that the configuration in its metadata
// implies, in its shape, and no others. What an architecture's metadata and tensors are called is
// said by its family's rules (import_rules.h). F32, BF16 and F16 tensors that are a parameter as
// they lie are handed out inside the mapped file, and must not be written.
//
// Immutable; usable from several threads. Throws not_found, corrupt (damage; metadata and tensors
// contradict each other), unsupported (architecture, mathematics, element type).
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "checkpoint/config_file.h"
#include "checkpoint/gguf.h"
#include "checkpoint/import_rules.h"
#include "nn/weight_source.h"

namespace stemma::checkpoint {

class GgufSource final : public nn::WeightSource {
 public:
  explicit GgufSource(const std::filesystem::path& file);

  const ConfigFile& config() const { return config_; }
  const GgufReader& file() const { return file_; }

  Weight load(const nn::ParameterSpec& spec) override;

 private:
  struct Item {
    nn::ParameterSpec spec;
    std::vector<FileTensor> tensors;
  };
  void collect(const GgufRules& rules);
  void check(const FileTensor& wanted) const;
  [[noreturn]] void contradiction(const std::string& what) const;

  GgufReader file_;
  ConfigFile config_;
  std::map<std::string, Item, std::less<>> items_;
};

}  // namespace stemma::checkpoint
