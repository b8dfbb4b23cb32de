// Adapters in PEFT's file layout, both ways: adapter_config.json and adapter_model.safetensors.
//
//   const AdapterFolder adapter("runs/lora", base.config);
//   adapter.spec();                               // for nn::Adapter
//   nn::Adapter loaded(adapter, adapter.spec());  // its values
//
// LoRA, AdaLoRA, prefix tuning and prompt tuning are read and written as PEFT has them. Bottlenecks
// (Houlsby et al. 2019), which PEFT has not, are written under a type of our own,
// STEMMA_BOTTLENECK, with our names. Heads that were trained beside an adapter (classifier, score,
// a pooler) lie in its file too.
//
// Immutable; usable from several threads.
#pragma once

#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "base/json.h"
#include "checkpoint/config_file.h"
#include "checkpoint/rank_pattern.h"
#include "checkpoint/safetensors.h"
#include "checkpoint/safetensors_writer.h"
#include "nn/adapter.h"
#include "nn/weight_source.h"

namespace stemma::checkpoint {

inline constexpr const char* kAdapterConfig = "adapter_config.json";
inline constexpr const char* kAdapterWeights = "adapter_model.safetensors";

// Whether a folder holds an adapter and no model.
bool is_adapter_folder(const std::filesystem::path& folder);
// The folder of the model that it was trained on, as its configuration has it; empty: it does not
// say. A relative name counts from the working directory. Throws not_found, corrupt.
std::string base_of_adapter(const std::filesystem::path& folder);

class AdapterFolder final : public nn::WeightSource {
 public:
  // `model`: of the base, with the heads of tasks that the adapter brings (ConfigFile of the
  // fine-tuned model). Throws not_found, corrupt (damage; it does not belong to this base),
  // unsupported (a kind of adapter, or a setting, that nothing here computes, naming it).
  AdapterFolder(const std::filesystem::path& folder, const ModelConfig& model);

  const std::filesystem::path& folder() const { return folder_; }
  const nn::AdapterSpec& spec() const { return spec_; }
  // The parameters of the model that it replaces: heads.
  const std::vector<std::string>& replaced() const { return replaced_; }

  // Throws corrupt where `base` is not the model that the adapter was trained on: its file has a
  // sample of that one's weights (base_sample.h). PEFT's files have none, and nothing is compared.
  void require_base(nn::WeightSource& base, const ModelConfig& model) const;

  // Of the adapter, by nn::Adapter's names, and of the heads in the file. Throws not_found.
  Weight load(const nn::ParameterSpec& spec) override;

 private:
  void read_low_rank(const Json& config, const ModelConfig& model, bool adaptive);
  void read_bottlenecks(const Json& config, const ModelConfig& model);
  void read_virtual_tokens(const Json& config, const ModelConfig& model, bool prefix);
  void read_heads(const ModelConfig& model);
  void require_all_known(const ModelConfig& model) const;

  std::filesystem::path folder_;
  SafetensorsReader file_;
  nn::AdapterSpec spec_;
  std::vector<std::string> replaced_;
  std::map<std::string, std::string> tensor_of_;  // our name to the file's
};

struct AdapterExport {
  ConfigFile config;  // of the fine-tuned model, heads included
  nn::AdapterSpec spec;
  // By our names: of the adapter, and of the heads trained beside it.
  std::span<const NamedTensor> parameters;
  std::string base;  // what base_model_name_or_path says
  // What else adapter_config.json is to say: alpha, target words, the budget of AdaLoRA.
  Json settings = Json::object();
  // Of AdaLoRA: only these ranks are written; empty: all.
  KeptRanks kept = {};
  std::string base_sample = {};  // sample_of_base() of the base; empty: not written
};

// Writes both files into an existing folder. Throws device.
void write_adapter(const std::filesystem::path& folder, const AdapterExport& adapter);

}  // namespace stemma::checkpoint
