#include "checkpoint/import_rules.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/error.h"

namespace stemma::checkpoint {

// Defined in import/, one file each.
extern const ImportRules kGpt1Rules, kGpt2Rules, kGpt3Rules, kLlamaRules, kBertRules;

std::span<const ImportRules* const> import_rules() {
  static constexpr std::array<const ImportRules*, 5> kAll{&kGpt1Rules, &kGpt2Rules, &kGpt3Rules,
                                                          &kLlamaRules, &kBertRules};
  return kAll;
}

const ImportRules& rules_of(std::string_view family) {
  for (const ImportRules* rules : import_rules())
    if (rules->family == family) return *rules;
  throw Error(ErrorCode::internal,
              fmt::format("[import_rules] family '{}' has no rules for files", family));
}

const ImportRules* find_rules(std::string_view model_type) {
  for (const ImportRules* rules : import_rules())
    if (std::find(rules->model_types.begin(), rules->model_types.end(), model_type) !=
        rules->model_types.end())
      return rules;
  return nullptr;
}

const ImportRules* find_gguf_rules(std::string_view architecture) {
  for (const ImportRules* rules : import_rules())
    if (rules->gguf && rules->gguf->architecture == architecture) return rules;
  return nullptr;
}

std::string known_model_types() {
  std::vector<std::string_view> names;
  for (const ImportRules* rules : import_rules())
    names.insert(names.end(), rules->model_types.begin(), rules->model_types.end());
  return fmt::format("'{}'", fmt::join(names, "', '"));
}

std::vector<std::int64_t> shape_of(const nn::ParameterSpec& spec) {
  std::vector<std::int64_t> shape;
  for (int i = 0; i < spec.shape.rank(); ++i) shape.push_back(spec.shape[i]);
  return shape;
}

std::pair<std::string_view, std::string_view> split_block_name(std::string_view name) {
  constexpr std::string_view kBlocks = "blocks.";
  if (!name.starts_with(kBlocks)) return {};
  name.remove_prefix(kBlocks.size());
  const std::size_t dot = name.find('.');
  return {name.substr(0, dot), name.substr(dot + 1)};
}

std::vector<FileTensor> as_it_is(const nn::ParameterSpec& spec, std::string name) {
  return {{std::move(name), shape_of(spec)}};
}

}  // namespace stemma::checkpoint
