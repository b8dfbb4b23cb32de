#include "checkpoint/weight_files.h"

#include <map>
#include <set>

#include <fmt/format.h>

#include "base/error.h"
#include "base/json.h"
#include "base/log.h"

namespace stemma::checkpoint {
namespace fs = std::filesystem;
namespace {

constexpr std::string_view kSingle = "model.safetensors";
constexpr std::string_view kIndex = "model.safetensors.index.json";

[[noreturn]] void fail(const fs::path& index, const std::string& what) {
  throw Error(ErrorCode::corrupt, fmt::format("[weight_files] {}: {}", index.string(), what));
}

bool has_file(const fs::path& path) {
  std::error_code ignored;
  return fs::exists(path, ignored);
}

// A shard must lie in the folder itself: an index must not reach other files.
void check_shard_name(const fs::path& index, const std::string& name) {
  if (name.find('/') != std::string::npos || name.find('\0') != std::string::npos ||
      !name.ends_with(".safetensors"))
    fail(index, fmt::format("a shard must be a .safetensors file of the same folder, got {}",
                            in_quotes(name)));
}

// Tensor name → shard, as the index has it.
std::map<std::string, std::string> read_weight_map(const fs::path& index) {
  const Json json = Json::parse(read_file(index, kMaxHeaderBytes), index.string());
  const Json* map = json.is_object() ? json.find("weight_map") : nullptr;
  if (!map || !map->is_object() || map->as_object().empty())
    fail(index, "weight_map is missing or empty");
  std::map<std::string, std::string> result;
  for (const auto& [tensor, shard] : map->as_object()) {
    if (!shard.is_string())
      fail(index, fmt::format("the shard of tensor {} is not a string", in_quotes(tensor)));
    check_shard_name(index, shard.as_string());
    result.emplace(tensor, shard.as_string());
  }
  return result;
}

}  // namespace

bool WeightFiles::present(const fs::path& folder) {
  return has_file(folder / kSingle) || has_file(folder / kIndex);
}

WeightFiles::WeightFiles(const fs::path& folder) : folder_(folder) {
  if (has_file(folder / kSingle)) {  // transformers prefers it too
    files_.push_back(std::make_unique<const SafetensorsReader>(folder / kSingle));
  } else if (has_file(folder / kIndex)) {
    open_shards(folder / kIndex);
  } else if (has_file(folder / "pytorch_model.bin") ||
             has_file(folder / "pytorch_model.bin.index.json")) {
    throw Error(ErrorCode::unsupported,
                fmt::format("[weight_files] {}: it has only pickle weights (pytorch_model.bin), "
                            "which are never read because they run code; save the model with "
                            "safetensors",
                            folder.string()));
  } else {
    throw Error(ErrorCode::not_found,
                fmt::format("[weight_files] {}: there is neither {} nor {} in it", folder.string(),
                            kSingle, kIndex));
  }
}

void WeightFiles::open_shards(const fs::path& index_file) {
  const auto weight_map = read_weight_map(index_file);
  std::set<std::string> shards;
  for (const auto& [tensor, shard] : weight_map) shards.insert(shard);
  // The shards decide. An index may list what nobody saved (a tied head, buffers of old versions),
  // leave out what is there and name another shard: the model takes what it needs by name, and says
  // what it misses.
  for (const std::string& shard : shards) {
    auto file = std::make_unique<const SafetensorsReader>(folder_ / shard);
    for (const StoredTensor& tensor : file->tensors()) {
      const auto mapped = weight_map.find(tensor.name);
      if (mapped != weight_map.end() && mapped->second != shard)
        log_info(fmt::format("{}: tensor {} lies in shard {}, the index says {}",
                             index_file.string(), in_quotes(tensor.name), in_quotes(shard),
                             in_quotes(mapped->second)));
      if (find(tensor.name))
        fail(index_file, fmt::format("tensor {} lies in shard {} and in another one before it",
                                     in_quotes(tensor.name), in_quotes(shard)));
    }
    files_.push_back(std::move(file));
  }
}

std::vector<WeightFiles::Entry> WeightFiles::entries() const {
  std::vector<Entry> all;
  for (const auto& file : files_)
    for (const StoredTensor& tensor : file->tensors()) all.push_back({file.get(), &tensor});
  return all;
}

std::optional<WeightFiles::Entry> WeightFiles::find(std::string_view name) const {
  for (const auto& file : files_)
    if (const StoredTensor* tensor = file->find(name)) return Entry{file.get(), tensor};
  return std::nullopt;
}

}  // namespace stemma::checkpoint
