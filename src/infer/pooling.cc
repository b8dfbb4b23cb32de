// Pooling::of_folder(): the files of sentence-transformers.
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

constexpr std::uint64_t kMaxPoolingBytes = 1 << 20;

[[noreturn]] void refuse_pooling(const fs::path& file, const std::string& what) {
  throw Error(ErrorCode::unsupported, fmt::format("[pooling] {}: {}", file.string(), what));
}

// Null where the file is missing.
Json read_if_there(const fs::path& file) {
  std::error_code ignored;
  if (!fs::is_regular_file(file, ignored)) return {};
  return Json::parse(read_file(file, kMaxPoolingBytes), file.string());
}

Pooling::Kind kind_of(const Json& json, const fs::path& file) {
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

void read_modules(const Json& modules, const fs::path& folder, Pooling& pooling) {
  const fs::path file = folder / "modules.json";
  pooling.normalize = false;
  for (const Json& module : modules.as_array()) {
    const std::string type = module.get("type", ""), path = module.get("path", "");
    if (type.ends_with(".Transformer")) {
      // The model itself.
    } else if (type.ends_with(".Normalize")) {
      pooling.normalize = true;
    } else if (type.ends_with(".Pooling")) {
      // A name of a folder beside the file, nothing else.
      if (path.empty() || path.find_first_of("/\\") != path.npos || path.starts_with("."))
        refuse_pooling(file, fmt::format("the path {} of the pooling", in_quotes(path)));
      const fs::path config = folder / path / "config.json";
      pooling.kind =
          kind_of(Json::parse(read_file(config, kMaxPoolingBytes), config.string()), config);
    } else {
      refuse_pooling(file, fmt::format("module {} is not supported; Transformer, Pooling and "
                                       "Normalize are",
                                       in_quotes(type)));
    }
  }
}

Pooling read_pooling(const fs::path& folder, const ModelConfig& config) {
  Pooling pooling;
  pooling.max_tokens = config.context;
  const fs::path sentence = folder / "sentence_bert_config.json";
  if (const Json modules = read_if_there(folder / "modules.json"); !modules.is_null()) {
    read_modules(modules, folder, pooling);
  } else if (const Json json = read_if_there(folder / "1_Pooling/config.json"); !json.is_null()) {
    pooling.kind = kind_of(json, folder / "1_Pooling/config.json");
  }
  if (const Json json = read_if_there(sentence); !json.is_null()) {
    if (json.get("do_lower_case", false))
      refuse_pooling(sentence, "do_lower_case = true is not supported");
    const std::int64_t most = json.get("max_seq_length", config.context);
    if (most < 1)
      throw Error(ErrorCode::corrupt,
                  fmt::format("max_seq_length must be at least 1, got {}", most));
    pooling.max_tokens = std::min(most, config.context);
  }
  return pooling;
}

}  // namespace

Pooling Pooling::of_folder(const fs::path& folder, const ModelConfig& config) {
  std::error_code ignored;
  if (!fs::is_directory(folder, ignored)) {  // a GGUF file
    Pooling pooling;
    pooling.max_tokens = config.context;
    return pooling;
  }
  try {
    return read_pooling(folder, config);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::corrupt) throw;
    throw Error(ErrorCode::corrupt, fmt::format("[pooling] {}: {}", folder.string(), error.what()));
  }
}

}  // namespace stemma::infer
