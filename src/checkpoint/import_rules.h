// How the parameters of each member of the family lie in a Hugging Face folder: the `model_type`s
// of config.json, the names of the tensors, which are transposed, which are joined to one.
//
// Names, shapes and parts come from the model itself (models/model.h, parameters_of); a file of
// rules says only what a family's files call them. A new member adds one file in import/ and its
// name in the list of import_rules.cc.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "checkpoint/config_file.h"
#include "checkpoint/gguf.h"
#include "nn/parameter_spec.h"

namespace stemma::checkpoint {

// A tensor of the file that holds a parameter, or one of its parts.
struct FileTensor {
  std::string name;
  std::vector<std::int64_t> shape;  // in the file
  bool transposed = false;          // the file has [in, out] (Conv1D), ours is [out, in]
  // Above 0: rows are those of so many heads with rotary positions, and the file keeps the two
  // elements of a rotated pair in neighbouring rows (llama.cpp), where ours are D/2 apart.
  std::int64_t interleaved_heads = 0;
};

// The rules of GGUF files (checkpoint/gguf_source.h).
struct GgufRules {
  std::string_view architecture;  // the value of general.architecture
  // Fills the family's part of a configuration. Throws unsupported for keys that would change
  // results, corrupt for values that contradict the tensors.
  void (*read_config)(const GgufReader& file, ConfigFile& config);
  std::vector<FileTensor> (*files)(const nn::ParameterSpec& spec);
};

// The head of a task as one of transformers' classes has it.
struct TaskHeadRules {
  std::string_view architecture;  // "BertForSequenceClassification"; empty: there is no such class
  std::string_view tensors;       // "classifier": its tensors are classifier.weight and .bias
  bool bias = false;
  HeadInput input = HeadInput::last;
};

// Whether a file has a tensor, under any of its names.
using HasTensor = std::function<bool(std::string_view name)>;

struct ImportRules {
  std::string_view family;
  // The values of config.json's `model_type` that mean this family; the first is written.
  std::vector<std::string_view> model_types;
  // The name of the class in config.json's `architectures`; write_config may set another one.
  std::string_view architecture;

  // Fills the family's part of a configuration; absent keys have transformers' defaults. `where`
  // names the file in errors. Throws unsupported for keys that would change results.
  void (*read_config)(const Json& json, std::string_view where, ConfigFile& config);
  // Adds the family's keys. Throws unsupported for what the file cannot say.
  void (*write_config)(const ConfigFile& config, Json& json);

  // The tensors that hold a parameter: one, or its parts in order, which lie one below the other in
  // ours. Empty: the file has no place for it.
  std::vector<FileTensor> (*files)(const nn::ParameterSpec& spec);
  // What files of the bare model leave out at the start of each name: "transformer.". A model
  // without heads is written so.
  std::string_view prefix;
  // Heads of whole texts, of tokens, and of candidates one of which is chosen.
  TaskHeadRules classes = {}, tags = {}, choices = {};
  // Null where GGUF files of this family are not read.
  const GgufRules* gguf = nullptr;
  // Constants that files carry beside the parameters (causal masks, position numbers).
  bool (*is_buffer)(std::string_view name);
  // What other files call a tensor, empty for none: "LayerNorm.gamma" for "LayerNorm.weight". A
  // file that has both names must have the same values under both. Null: no tensor has two names.
  std::string (*other_name)(std::string_view name) = nullptr;
  // Fills in which heads the model has, where only the tensors tell. Null: a token head.
  void (*detect_heads)(const HasTensor& has, ModelConfig& model) = nullptr;
};

std::span<const ImportRules* const> import_rules();
// By the family of a configuration. Throws internal where a family has none.
const ImportRules& rules_of(std::string_view family);
// By GGUF's general.architecture; null where there are none.
const ImportRules* find_gguf_rules(std::string_view architecture);
// By config.json's model_type; null where there are none.
const ImportRules* find_rules(std::string_view model_type);
// All model types that can be read, with commas: for messages.
std::string known_model_types();

// The shape of a parameter as a list of sizes.
std::vector<std::int64_t> shape_of(const nn::ParameterSpec& spec);
// "blocks.3.norm1.gain" → {"3", "norm1.gain"}; {"", ""} for a name outside the blocks.
std::pair<std::string_view, std::string_view> split_block_name(std::string_view name);
// A parameter that lies in the file as it is, under another name.
std::vector<FileTensor> as_it_is(const nn::ParameterSpec& spec, std::string name);

}  // namespace stemma::checkpoint
