#include "checkpoint/checkpoint_source.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>
#include <set>

#include <fmt/format.h>

#include "base/error.h"
#include "base/log.h"
#include "checkpoint/task_heads.h"
#include "checkpoint/transpose.h"
#include "models/family.h"
#include "models/model.h"

namespace stemma::checkpoint {
namespace fs = std::filesystem;
namespace {

bool holds_weights(StoredType type) {
  return type == StoredType::f32 || type == StoredType::bf16 || type == StoredType::f16 ||
         type == StoredType::f64;
}

[[noreturn]] void contradiction(const fs::path& folder, const std::string& what) {
  throw Error(ErrorCode::corrupt,
              fmt::format("[checkpoint] {}: config.json and the weights contradict each other: {}",
                          folder.string(), what));
}

// Under this name, or without the prefix, as files of the bare model have it.
std::optional<WeightFiles::Entry> find_either(const WeightFiles& files, const ImportRules& rules,
                                              std::string_view name) {
  if (auto entry = files.find(name)) return entry;
  if (rules.prefix.empty() || !name.starts_with(rules.prefix)) return std::nullopt;
  return files.find(name.substr(rules.prefix.size()));
}

// Under the other name that files may have for it.
std::optional<WeightFiles::Entry> find_other(const WeightFiles& files, const ImportRules& rules,
                                             std::string_view name) {
  const std::string other = rules.other_name ? rules.other_name(name) : "";
  return other.empty() ? std::nullopt : find_either(files, rules, other);
}

// What the family's files call a parameter that lies in them in one piece.
std::string file_name(const ImportRules& rules, std::string name, Shape shape) {
  return rules.files({std::move(name), shape, {}, nn::Role::vector, {}}).front().name;
}

std::string list_names(const std::vector<std::string>& names) {
  constexpr std::size_t kShown = 10;
  std::string text;
  for (std::size_t i = 0; i < std::min(names.size(), kShown); ++i)
    text += (i ? ", " : "") + in_quotes(names[i]);
  if (names.size() > kShown) text += fmt::format(" and {} more", names.size() - kShown);
  return text;
}

// What wrappers of torch put before all names; empty: nothing.
std::string wrapper_of(const WeightFiles& files) {
  for (const char* wrapper : {"_orig_mod.", "module."}) {
    const auto entries = files.entries();
    if (!entries.empty() && std::ranges::all_of(entries, [&](const WeightFiles::Entry& entry) {
          return entry.tensor->name.starts_with(wrapper);
        }))
      return wrapper;
  }
  return {};
}

// Heads that transformers and TRL put on a trunk, by the names that they write: of classes, tags
// and answers, of choices, of a value.
bool is_of_another_head(std::string_view name) {
  constexpr std::array<std::string_view, 7> kHeads = {
      "score.",      "classifier.", "qa_outputs.",          "v_head.",
      "value_head.", "summary.",    "multiple_choice_head."};
  return std::any_of(kHeads.begin(), kHeads.end(),
                     [&](std::string_view head) { return name.starts_with(head); });
}

bool same_values(const WeightFiles::Entry& a, const WeightFiles::Entry& b) {
  if (a.tensor->shape != b.tensor->shape) return false;
  const Tensor x = a.read(Memory::shared), y = b.read(Memory::shared);
  return x.elements() == 0 ||
         std::memcmp(x.raw(), y.raw(), static_cast<std::size_t>(x.elements()) * sizeof(float)) == 0;
}

// Completes the part of a configuration that describes the heads.
void detect_heads(const Json& json, const WeightFiles& files, ModelConfig& model) {
  const ImportRules& rules = rules_of(model.family);
  const std::string head_name = file_name(rules, "head.weight", {1});
  const auto head = files.find(head_name);
  model.head_bias = files.find(file_name(rules, "head.bias", {1})).has_value();
  if (rules.detect_heads)
    rules.detect_heads(
        [&](std::string_view name) {
          return find_either(files, rules, name) || find_other(files, rules, name);
        },
        model);
  if (!model.token_head) return;
  const Json* tie = json.find("tie_word_embeddings");
  const bool stated = tie && !tie->is_null();
  if (!head) {
    // A model of a task has no use for it.
    if (!model.tied_head && !model.task_heads.empty()) {
      model.token_head = false;
      return;
    }
    if (!model.tied_head)
      contradiction(files.folder(), fmt::format("tie_word_embeddings is false, but there is no "
                                                "tensor {}",
                                                in_quotes(head_name)));
  } else if (model.tied_head) {
    const std::string tokens_name = file_name(rules, "embedding.tokens", {1});
    const auto tokens = find_either(files, rules, tokens_name);
    const bool equal = tokens && same_values(*head, *tokens);
    if (!equal && stated)
      contradiction(files.folder(),
                    fmt::format("tie_word_embeddings is true, but {} differs from {}; set it to "
                                "false to use the head of its own",
                                in_quotes(head_name), in_quotes(tokens_name)));
    model.tied_head = equal;
  }
  if (model.head_bias && !family_named(model.family).tied_head_may_have_bias) {
    model.tied_head = false;
    log_info(fmt::format("{}: the bias of its head is used; transformers leaves it out",
                         files.folder().string()));
  }
}

ConfigFile load_config_of(const WeightFiles& files) {
  const fs::path path = files.folder() / "config.json";
  const Json json = Json::parse(read_file(path, kMaxHeaderBytes), path.string());
  ConfigFile config = parse_config(json, path.string());
  // Before anything grows with the number of layers that the config claims.
  if (const std::size_t have = files.entries().size();
      static_cast<std::uint64_t>(config.model.layers) > have)
    contradiction(files.folder(), fmt::format("there are {} layers, but only {} tensors",
                                              config.model.layers, have));
  detect_heads(json, files, config.model);
  return config;
}

// A tensor of the file in our orientation: in f32, or in the encoding of the file where only its
// bytes are needed.
Tensor read_tensor(const WeightFiles::Entry& entry, const FileTensor& tensor, Memory memory,
                   bool stored) {
  if (tensor.transposed) return transposed(entry.read(Memory::shared));
  return stored ? entry.read_stored(memory) : entry.read(memory);
}

// Parts of one type one below the other.
Tensor joined(const std::vector<Tensor>& parts, const Shape& shape) {
  Tensor whole = Tensor::empty(shape, parts.front().dtype());
  auto* to = static_cast<std::byte*>(whole.raw());
  for (const Tensor& part : parts) {
    const std::size_t bytes = static_cast<std::size_t>(part.elements()) * size_of(part.dtype());
    std::memcpy(to, part.raw(), bytes);
    to += bytes;
  }
  return whole;
}

// Whether all tensors of a parameter can be joined in the encoding that the file has.
bool joins_as_stored(const std::vector<WeightFiles::Entry>& entries) {
  for (const WeightFiles::Entry& entry : entries)
    if (entry.tensor->type != entries.front().tensor->type) return false;
  return true;
}

}  // namespace

ConfigFile load_config(const fs::path& folder) { return load_config_of(WeightFiles(folder)); }

CheckpointSource::CheckpointSource(const fs::path& folder, Memory memory)
    : files_(folder), memory_(memory), config_(load_config_of(files_)) {
  collect();
}

CheckpointSource::Item CheckpointSource::find_tensors(const nn::ParameterSpec& spec,
                                                      std::vector<std::string>& missing) const {
  const ImportRules& rules = rules_of(config_.model.family);
  Item item{spec, files_of(rules, config_.model, spec), {}, {}};
  if (item.tensors.empty())
    throw Error(ErrorCode::internal,
                fmt::format("[checkpoint] the rules of family {} have no place for parameter {}",
                            rules.family, spec.name));
  for (const FileTensor& tensor : item.tensors) {
    auto entry = find_either(files_, rules, tensor.name);
    if (const auto other = find_other(files_, rules, tensor.name)) {
      if (entry && !same_values(*entry, *other))
        contradiction(files_.folder(),
                      fmt::format("{} and {} are one tensor, with other values",
                                  in_quotes(entry->tensor->name), in_quotes(other->tensor->name)));
      if (entry) item.twins.push_back(*other);
      if (!entry) entry = other;
    }
    // A bias on a tied head makes it untied here; its matrix is then the embedding.
    if (!entry && spec.name == "head.weight") entry = items_.at("embedding.tokens").entries.front();
    if (!entry) {
      missing.push_back(tensor.name);
      continue;
    }
    if (entry->tensor->shape != tensor.shape)
      contradiction(
          files_.folder(),
          fmt::format("tensor {} is {}, the config needs {}", in_quotes(entry->tensor->name),
                      shape_text(entry->tensor->shape), shape_text(tensor.shape)));
    if (!holds_weights(entry->tensor->type))
      contradiction(files_.folder(),
                    fmt::format("tensor {} is {}, weights must be F32, BF16, F16 or F64",
                                in_quotes(entry->tensor->name), to_string(entry->tensor->type)));
    item.entries.push_back(*entry);
  }
  return item;
}

void CheckpointSource::collect() {
  const ImportRules& rules = rules_of(config_.model.family);
  std::vector<std::string> missing, unknown;
  std::set<std::string_view> known;
  for (const nn::ParameterSpec& spec : parameters_of(config_.model)) {
    Item item = find_tensors(spec, missing);
    for (const auto* list : {&item.entries, &item.twins})
      for (const WeightFiles::Entry& entry : *list) known.insert(entry.tensor->name);
    items_.emplace(spec.name, std::move(item));
  }
  if (const std::string wrapper = wrapper_of(files_); !missing.empty() && !wrapper.empty())
    contradiction(files_.folder(),
                  fmt::format("every tensor's name begins with {0}, which torch.compile or "
                              "DataParallel put there: save the state_dict() of the model inside",
                              in_quotes(wrapper)));
  if (!missing.empty())
    contradiction(files_.folder(), fmt::format("{} tensors that the config needs are missing: {}",
                                               missing.size(), list_names(missing)));
  const std::string head = file_name(rules, "head.weight", {1});
  if (config_.model.token_head && config_.model.tied_head) known.insert(head);
  std::vector<std::string> heads;
  for (const WeightFiles::Entry& entry : files_.entries())
    if (const std::string& name = entry.tensor->name;
        !known.contains(name) && !rules.is_buffer(name))
      (is_of_another_head(name) ? heads : unknown).push_back(name);
  if (!heads.empty())
    log_info(fmt::format("{}: left out {}, of a head for another task than writing text",
                         files_.folder().string(), list_names(heads)));
  if (!unknown.empty())
    contradiction(files_.folder(), fmt::format("{} tensors have no place in the model: {}",
                                               unknown.size(), list_names(unknown)));
}

Weight CheckpointSource::load(const nn::ParameterSpec& spec) {
  const auto found = items_.find(spec.name);
  if (found == items_.end())
    throw Error(ErrorCode::not_found, fmt::format("[checkpoint] {}: the model has no parameter {}",
                                                  files_.folder().string(), in_quotes(spec.name)));
  const Item& item = found->second;
  if (item.spec.shape != spec.shape)
    contradiction(files_.folder(),
                  fmt::format("parameter {} is {}, the model asks for {}", in_quotes(spec.name),
                              item.spec.shape.to_string(), spec.shape.to_string()));
  const bool stored = spec.role != nn::Role::vector && joins_as_stored(item.entries);
  std::vector<Tensor> parts;
  const Memory memory = item.tensors.size() == 1 ? memory_ : Memory::shared;
  for (std::size_t i = 0; i < item.tensors.size(); ++i)
    parts.push_back(read_tensor(item.entries[i], item.tensors[i], memory, stored));
  if (parts.size() == 1) return Weight(parts.front());
  const Tensor whole = joined(parts, spec.shape);
  for (const WeightFiles::Entry& entry : item.entries) entry.forget();
  return Weight(whole);
}

}  // namespace stemma::checkpoint
