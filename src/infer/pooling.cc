// The files of sentence-transformers that say how states become a vector.
#include <algorithm>
#include <string_view>

#include <fmt/format.h>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "checkpoint/safetensors.h"
#include "infer/hidden_states.h"

namespace stemma::infer {
namespace {

namespace fs = std::filesystem;
using checkpoint::in_quotes;

constexpr std::uint64_t kMaxPoolingBytes = 1 << 20;
constexpr const char* kModules = "modules.json";
constexpr const char* kModuleConfig = "config.json";  // in a module's folder
constexpr const char* kSentence = "sentence_bert_config.json";

[[noreturn]] void refuse_pooling(const std::string& file, const std::string& what) {
  throw Error(ErrorCode::unsupported, fmt::format("[pooling] {}: {}", file, what));
}

Pooling::Kind kind_of(const Json& json, const std::string& file) {
  struct Mode {
    std::string_view key;
    Pooling::Kind kind;
  };
  constexpr Mode kModes[] = {{"pooling_mode_mean_tokens", Pooling::Kind::mean},
                             {"pooling_mode_cls_token", Pooling::Kind::cls},
                             {"pooling_mode_max_tokens", Pooling::Kind::max}};
  if (!json.get("include_prompt", true))
    refuse_pooling(file, "include_prompt = false is not supported");
  std::vector<Pooling::Kind> chosen;
  for (const auto& [key, value] : json.as_object()) {
    if (!key.starts_with("pooling_mode_") || !value.is_bool() || !value.as_bool()) continue;
    const auto* mode = std::find_if(std::begin(kModes), std::end(kModes),
                                    [&](const Mode& m) { return m.key == key; });
    if (mode == std::end(kModes))
      refuse_pooling(file,
                     fmt::format("{} is not supported; mean, cls and max are", in_quotes(key)));
    chosen.push_back(mode->kind);
  }
  if (chosen.size() != 1)
    refuse_pooling(file, fmt::format("{} ways of pooling side by side are not supported; one is",
                                     chosen.size()));
  return chosen.front();
}

// The name of a folder beside the file, nothing else.
bool is_folder_name(const std::string& path) {
  return !path.empty() && path.find_first_of("/\\") == path.npos && !path.starts_with(".");
}

// Whether vectors are normalised; returns the file of the pooling, empty where there is none.
std::string read_modules(const Json& modules, const std::string& file, Pooling& pooling) {
  std::string config;
  pooling.normalize = false;
  for (const Json& module : modules.as_array()) {
    const std::string type = module.get("type", ""), path = module.get("path", "");
    if (type.ends_with(".Transformer")) continue;  // the model itself
    if (type.ends_with(".Normalize")) {
      pooling.normalize = true;
    } else if (type.ends_with(".Pooling")) {
      if (!is_folder_name(path))
        refuse_pooling(file, fmt::format("the path {} of the pooling", in_quotes(path)));
      config = path + "/" + kModuleConfig;
    } else {
      refuse_pooling(file, fmt::format("module {} is not supported; Transformer, Pooling and "
                                       "Normalize are",
                                       in_quotes(type)));
    }
  }
  return config;
}

void read_sentence(const Json& json, const std::string& file, Pooling& pooling) {
  if (json.get("do_lower_case", false))
    refuse_pooling(file, "do_lower_case = true is not supported");
  const std::int64_t most = json.get("max_seq_length", pooling.max_tokens);
  if (most < 1)
    throw Error(ErrorCode::corrupt, fmt::format("max_seq_length must be at least 1, got {}", most));
  pooling.max_tokens = std::min(most, pooling.max_tokens);
}

// Calls use(JSON of the file); false where it is missing. Adds the file's name to what a damaged
// value throws.
template <class Use>
bool with_file(const Pooling::ReadFile& read, const std::string& file, const Use& use) {
  const std::optional<std::string> text = read(file);
  if (!text) return false;
  const Json json = Json::parse(*text, file);
  try {
    use(json);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::corrupt) throw;
    throw Error(ErrorCode::corrupt, fmt::format("[pooling] {}: {}", file, error.what()));
  }
  return true;
}

}  // namespace

Pooling Pooling::of_files(const ReadFile& read, const ModelConfig& config) {
  Pooling pooling;
  pooling.max_tokens = config.context;
  std::string file = "1_Pooling/config.json";
  const bool modules = with_file(
      read, kModules, [&](const Json& json) { file = read_modules(json, kModules, pooling); });
  const bool there = !file.empty() && with_file(read, file, [&](const Json& json) {
    pooling.kind = kind_of(json, file);
  });
  if (modules && !file.empty() && !there)
    throw Error(ErrorCode::not_found,
                fmt::format("[pooling] {} names {}, which is not there", kModules, file));
  with_file(read, kSentence, [&](const Json& json) { read_sentence(json, kSentence, pooling); });
  return pooling;
}

Pooling Pooling::of_folder(const fs::path& folder, const ModelConfig& config) {
  const auto read = [&](const std::string& name) -> std::optional<std::string> {
    std::error_code ignored;
    if (!fs::is_regular_file(folder / name, ignored)) return std::nullopt;
    return read_file(folder / name, kMaxPoolingBytes);
  };
  return of_files(read, config);
}

std::vector<fs::path> pooling_files(const fs::path& folder) {
  std::vector<fs::path> files;
  std::error_code ignored;
  const auto take = [&](const fs::path& name) {
    if (fs::is_regular_file(folder / name, ignored)) files.push_back(name);
  };
  const std::string place = (folder / kModules).string();
  if (!fs::exists(folder / kModules, ignored)) return files;
  const Json modules = Json::parse(read_file(folder / kModules, kMaxPoolingBytes), place);
  try {
    for (const Json& module : modules.as_array())
      if (const std::string path = module.get("path", ""); is_folder_name(path))
        take(fs::path(path) / kModuleConfig);
  } catch (const Error& error) {
    throw Error(ErrorCode::corrupt, fmt::format("[pooling] {}: {}", place, error.what()));
  }
  take(kModules);
  take(kSentence);
  return files;
}

}  // namespace stemma::infer
