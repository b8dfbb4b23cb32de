#include "checkpoint/checkpoint_source.h"

#include <algorithm>
#include <cstring>
#include <optional>
#include <set>

#include <fmt/format.h>

#include "base/error.h"
#include "checkpoint/transpose.h"

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

// Under its own name, or without "transformer." as files of the bare model have it.
std::optional<WeightFiles::Entry> find_either(const WeightFiles& files, std::string_view hf_name) {
  if (auto entry = files.find(hf_name)) return entry;
  return files.find(without_prefix(hf_name));
}

std::string list_names(const std::vector<std::string>& names) {
  constexpr std::size_t kShown = 10;
  std::string text;
  for (std::size_t i = 0; i < std::min(names.size(), kShown); ++i)
    text += (i ? ", " : "") + in_quotes(names[i]);
  if (names.size() > kShown) text += fmt::format(" and {} more", names.size() - kShown);
  return text;
}

bool same_values(const WeightFiles::Entry& a, const WeightFiles::Entry& b) {
  if (a.tensor->shape != b.tensor->shape) return false;
  const Tensor x = a.read(Memory::shared), y = b.read(Memory::shared);
  return x.elements() == 0 ||
         std::memcmp(x.raw(), y.raw(), static_cast<std::size_t>(x.elements()) * sizeof(float)) == 0;
}

// Completes the part of a configuration that describes the head.
void detect_head(const Json& json, const WeightFiles& files, DecoderConfig& decoder) {
  const auto head = files.find(kHeadWeight);
  decoder.head_bias = files.find(kHeadBias).has_value();
  const Json* tie = json.find("tie_word_embeddings");
  const bool stated = tie && !tie->is_null();
  if (!head) {
    if (!decoder.tied_head)
      contradiction(files.folder(), fmt::format("tie_word_embeddings is false, but there is no "
                                                "tensor {}",
                                                in_quotes(kHeadWeight)));
  } else if (decoder.tied_head) {
    DecoderConfig tied = decoder;
    tied.head_bias = false;
    const Parameter embedding = parameters_of(tied).front();
    const auto tokens = find_either(files, embedding.hf_name);
    const bool equal = tokens && same_values(*head, *tokens);
    if (!equal && stated)
      contradiction(files.folder(),
                    fmt::format("tie_word_embeddings is true, but {} differs from {}; set it to "
                                "false to use the head of its own",
                                in_quotes(kHeadWeight), in_quotes(embedding.hf_name)));
    decoder.tied_head = equal;
  }
  if (decoder.head_bias) decoder.tied_head = false;
}

ModelConfig load_config_of(const WeightFiles& files) {
  const fs::path path = files.folder() / "config.json";
  const Json json = Json::parse(read_file(path, kMaxHeaderBytes), path.string());
  ModelConfig model = parse_model_config(json, path.string());
  // Before anything grows with the number of layers that the config claims.
  if (const std::size_t have = files.entries().size();
      static_cast<std::uint64_t>(model.decoder.layers) > have)
    contradiction(files.folder(), fmt::format("n_layer is {}, but there are only {} tensors",
                                              model.decoder.layers, have));
  detect_head(json, files, model.decoder);
  return model;
}

}  // namespace

ModelConfig load_config(const fs::path& folder) { return load_config_of(WeightFiles(folder)); }

CheckpointSource::CheckpointSource(const fs::path& folder, Memory memory)
    : files_(folder), memory_(memory), config_(load_config_of(files_)) {
  collect();
}

void CheckpointSource::collect() {
  std::vector<std::string> missing, unknown;
  std::set<std::string_view> known;
  for (const Parameter& p : parameters_of(config_.decoder)) {
    auto entry = find_either(files_, p.hf_name);
    // A bias on a tied head makes it untied here; its matrix is then the embedding.
    if (!entry && p.hf_name == kHeadWeight) entry = items_.at("embedding.tokens").entry;
    if (!entry) {
      missing.push_back(p.hf_name);
      continue;
    }
    known.insert(entry->tensor->name);
    if (entry->tensor->shape != p.file_shape())
      contradiction(
          files_.folder(),
          fmt::format("tensor {} is {}, the config needs {}", in_quotes(entry->tensor->name),
                      shape_text(entry->tensor->shape), shape_text(p.file_shape())));
    if (!holds_weights(entry->tensor->type))
      contradiction(files_.folder(),
                    fmt::format("tensor {} is {}, weights must be F32, BF16, F16 or F64",
                                in_quotes(entry->tensor->name), to_string(entry->tensor->type)));
    items_.emplace(p.name, Item{p, *entry});
  }
  if (!missing.empty())
    contradiction(files_.folder(), fmt::format("{} tensors that the config needs are missing: {}",
                                               missing.size(), list_names(missing)));
  if (config_.decoder.tied_head) known.insert(kHeadWeight);
  for (const WeightFiles::Entry& entry : files_.entries())
    if (!known.contains(entry.tensor->name) && !is_buffer(entry.tensor->name))
      unknown.push_back(entry.tensor->name);
  if (!unknown.empty())
    contradiction(files_.folder(), fmt::format("{} tensors have no place in the model: {}",
                                               unknown.size(), list_names(unknown)));
}

const CheckpointSource::Item& CheckpointSource::item(std::string_view name) const {
  const auto found = items_.find(name);
  if (found == items_.end())
    throw Error(ErrorCode::not_found, fmt::format("[checkpoint] {}: the model has no parameter {}",
                                                  files_.folder().string(), in_quotes(name)));
  return found->second;
}

Tensor CheckpointSource::parameter(std::string_view name) const {
  const Item& found = item(name);
  if (!found.parameter.conv1d) return found.entry.read(memory_);
  return transposed(found.entry.read(Memory::shared));
}

Weight CheckpointSource::matrix(std::string_view name, std::int64_t out, std::int64_t in,
                                nn::Init) {
  const Parameter& p = item(name).parameter;
  if (p.shape() != std::vector<std::int64_t>{out, in})
    contradiction(files_.folder(), fmt::format("parameter {} is {}, the model asks for [{}, {}]",
                                               in_quotes(name), shape_text(p.shape()), out, in));
  return Weight(parameter(name));
}

Tensor CheckpointSource::vector(std::string_view name, std::int64_t size, nn::Init) {
  const Parameter& p = item(name).parameter;
  if (p.shape() != std::vector<std::int64_t>{size})
    contradiction(files_.folder(), fmt::format("parameter {} is {}, the model asks for [{}]",
                                               in_quotes(name), shape_text(p.shape()), size));
  return parameter(name);
}

}  // namespace stemma::checkpoint
