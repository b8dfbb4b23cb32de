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
using checkpoint::in_quotes;

constexpr std::uint64_t kMaxPoolingBytes = 1 << 20;

[[noreturn]] void refuse_pooling(const fs::path& file, const std::string& what) {
  throw Error(ErrorCode::unsupported, fmt::format("[pooling] {}: {}", file.string(), what));
}

// Null where the file is missing, or where no file is meant.
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

// Whether vectors are normalised; returns the file of the pooling, empty where there is none.
fs::path read_modules(const Json& modules, const fs::path& file, Pooling& pooling) {
  fs::path config;
  pooling.normalize = false;
  for (const Json& module : modules.as_array()) {
    const std::string type = module.get("type", ""), path = module.get("path", "");
    if (type.ends_with(".Transformer")) continue;  // the model itself
    if (type.ends_with(".Normalize")) {
      pooling.normalize = true;
    } else if (type.ends_with(".Pooling")) {
      // The name of a folder beside the file, nothing else.
      if (path.empty() || path.find_first_of("/\\") != path.npos || path.starts_with("."))
        refuse_pooling(file, fmt::format("the path {} of the pooling", in_quotes(path)));
      config = file.parent_path() / path / "config.json";
    } else {
      refuse_pooling(file, fmt::format("module {} is not supported; Transformer, Pooling and "
                                       "Normalize are",
                                       in_quotes(type)));
    }
  }
  return config;
}

void read_sentence(const Json& json, const fs::path& file, Pooling& pooling) {
  if (json.get("do_lower_case", false))
    refuse_pooling(file, "do_lower_case = true is not supported");
  const std::int64_t most = json.get("max_seq_length", pooling.max_tokens);
  if (most < 1)
    throw Error(ErrorCode::corrupt, fmt::format("max_seq_length must be at least 1, got {}", most));
  pooling.max_tokens = std::min(most, pooling.max_tokens);
}

// Adds the file's name to what a value that is damaged throws.
template <class Read>
auto reading(const fs::path& file, const Read& read) {
  try {
    return read();
  } catch (const Error& error) {
    if (error.code() != ErrorCode::corrupt) throw;
    throw Error(ErrorCode::corrupt, fmt::format("[pooling] {}: {}", file.string(), error.what()));
  }
}

}  // namespace

Pooling Pooling::of_folder(const fs::path& folder, const ModelConfig& config) {
  Pooling pooling;
  pooling.max_tokens = config.context;
  std::error_code ignored;
  if (!fs::is_directory(folder, ignored)) return pooling;  // a GGUF file
  const fs::path modules_file = folder / "modules.json";
  fs::path pooling_file = folder / "1_Pooling/config.json";
  if (const Json modules = read_if_there(modules_file); !modules.is_null()) {
    pooling_file =
        reading(modules_file, [&] { return read_modules(modules, modules_file, pooling); });
    std::error_code missing;
    if (!pooling_file.empty() && !fs::exists(pooling_file, missing))
      throw Error(ErrorCode::not_found, fmt::format("[pooling] {} names {}, which is not there",
                                                    modules_file.string(), pooling_file.string()));
  }
  if (const Json json = read_if_there(pooling_file); !json.is_null())
    pooling.kind = reading(pooling_file, [&] { return kind_of(json, pooling_file); });
  const fs::path sentence_file = folder / "sentence_bert_config.json";
  if (const Json json = read_if_there(sentence_file); !json.is_null())
    reading(sentence_file, [&] { read_sentence(json, sentence_file, pooling); });
  return pooling;
}

}  // namespace stemma::infer
