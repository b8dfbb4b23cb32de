// Hugging Face's config.json, both ways, for every member of the family.
//
//   ConfigFile config = read_config_file("gpt2/config.json");
//   config.model.layers;                                  // 12
//   std::string text = to_config_json(config).dump(2);    // transformers opens it unchanged
//
// Absent keys have the values that transformers gives them. Keys that would change results and that
// nothing here computes are errors that name them. What a family's file looks like is said by its
// rules (checkpoint/import_rules.h).
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "models/config.h"

namespace stemma::checkpoint {

// What the outputs of a task's head mean.
struct HeadLabels {
  // "single_label_classification", "multi_label_classification" or "regression", as transformers
  // calls them (problem_type), or "choice": one output, a score of each candidate.
  std::string problem = "single_label_classification";
  std::vector<std::string> names;  // [K], of id2label

  bool operator==(const HeadLabels&) const = default;
};

struct ConfigFile {
  ModelConfig model;
  std::vector<HeadLabels> head_labels;  // one for each of model.task_heads
  // Ids of special tokens, where the model has them.
  std::optional<std::int64_t> bos_token, eos_token, pad_token;
  std::vector<std::int64_t> more_eos_tokens;  // where eos_token_id is a list: those after the first
};

// `where` names the file in errors. Throws corrupt (a value of the wrong type or an impossible one)
// and unsupported (another model_type; a key as above). head_bias is not in a config.json: see
// load_config() in checkpoint_source.h.
ConfigFile parse_config(const Json& json, std::string_view where);

// Throws not_found, corrupt, unsupported.
ConfigFile read_config_file(const std::filesystem::path& file);

// `weights` is the type that the file stores them in. Throws unsupported for what the family's
// model_type cannot say.
Json to_config_json(const ConfigFile& config, DType weights = DType::f32);

// The file that tells transformers' generate() the special tokens.
Json to_generation_config_json(const ConfigFile& config);

// ---- For the rules of a family ----

// A key of our own, written only where the value is not what the model type implies. transformers
// keeps unknown keys and does not look at them.
inline constexpr std::string_view kScaledResidualKey = "scaled_residual_initializer";

// Throws unsupported "[config] where: what".
[[noreturn]] void refuse_config(std::string_view where, const std::string& what);
// Throws unsupported where a key that would change results has another value than the usual one.
void require_usual(const Json& json, std::string_view where, std::string_view key, bool usual);
// A size by its own name or by the name that transformers' attribute_map also accepts.
std::int64_t size_key(const Json& json, std::string_view key, std::string_view other,
                      std::int64_t fallback);
// The id of a special token; of a list the first.
std::optional<std::int64_t> token_key(const Json& json, std::string_view key,
                                      std::optional<std::int64_t> fallback);
// The name of an activation, in transformers' words, and back.
kernels::Activation activation_named(const std::string& name, std::string_view where);
std::string_view activation_name(kernels::Activation activation);

}  // namespace stemma::checkpoint
