// Finds and reads the tokenizer files of a Hugging Face folder.
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "text/gpt1_files.h"
#include "text/gpt1_tokenizer.h"
#include "text/hugging_face.h"
#include "text/json_error.h"

namespace stemma {
namespace {

// The largest published tokenizer.json has 28 MB.
constexpr std::uint64_t kMaxFileBytes = 256u << 20;

std::optional<Json> read_json_if_there(const std::filesystem::path& path) {
  if (!std::filesystem::is_regular_file(path)) return std::nullopt;
  return Json::parse(read_file(path, kMaxFileBytes), path.string());
}

// Tokens are written as their names or as objects with their name in "content".
std::optional<std::string> token_name(const Json& value) {
  if (value.is_string()) return value.as_string();
  if (value.is_object()) return value.get("content", "");
  return std::nullopt;
}

struct TokenNames {
  std::string eos;
  std::vector<std::string> special;
};

TokenNames read_token_names(const std::filesystem::path& folder) {
  TokenNames names;
  for (const char* file : {"special_tokens_map.json", "tokenizer_config.json"}) {
    const std::optional<Json> root = read_json_if_there(folder / file);
    if (!root) continue;
    try {
      for (const auto& [key, value] : root->as_object()) {
        if (key == "additional_special_tokens" && value.is_array()) {
          for (const Json& item : value.as_array())
            if (const auto name = token_name(item)) names.special.push_back(*name);
        } else if (key.ends_with("_token")) {
          if (const auto name = token_name(value)) {
            names.special.push_back(*name);
            if (key == "eos_token") names.eos = *name;
          }
        }
      }
    } catch (const Error& error) {
      throw with_source(error, (folder / file).string());
    }
  }
  return names;
}

}  // namespace

std::shared_ptr<const Tokenizer> read_hugging_face(const std::filesystem::path& path) {
  const bool is_folder = std::filesystem::is_directory(path);
  const std::filesystem::path folder = is_folder ? path : path.parent_path();
  const std::filesystem::path file = is_folder ? path / "tokenizer.json" : path;
  const TokenNames names = read_token_names(folder);
  // Before tokenizer.json: GPT-1's would cut words as BERT does, not as the model was trained.
  if (is_folder)
    if (auto gpt1 = find_gpt1(folder, names.special, names.eos))
      return std::make_shared<Gpt1Tokenizer>(std::move(*gpt1));
  if (std::filesystem::exists(file))
    return parse_tokenizer_json(read_file(file, kMaxFileBytes), file.string(), names.eos);

  const std::filesystem::path vocab = path / "vocab.json", merges = path / "merges.txt";
  if (!std::filesystem::exists(vocab) || !std::filesystem::exists(merges))
    throw Error(ErrorCode::not_found,
                fmt::format("[tokenizer] {} has neither tokenizer.json nor vocab.json and "
                            "merges.txt",
                            path.string()));
  const std::string vocab_text = read_file(vocab, kMaxFileBytes);
  const std::string merges_text = read_file(merges, kMaxFileBytes);
  return parse_vocab_and_merges({vocab_text, merges_text, names.special, names.eos},
                                (path / "").string());
}

}  // namespace stemma
