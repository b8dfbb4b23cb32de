// Finds and reads the tokenizer files of a Hugging Face folder.
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "base/error.h"
#include "base/json.h"
#include "text/characters/char_json.h"
#include "text/characters/vocab_txt.h"
#include "text/files/hugging_face.h"
#include "text/files/json_error.h"
#include "text/files/text_file.h"
#include "text/gpt1/gpt1_files.h"
#include "text/gpt1/gpt1_tokenizer.h"
#include "text/wordpiece/files.h"

namespace stemma::tokenizer_files {
namespace {

// Tokens are written as their names or as objects with their name in "content".
std::optional<std::string> token_name(const Json& value) {
  if (value.is_string()) return value.as_string();
  if (value.is_object()) return value.get("content", "");
  return std::nullopt;
}

std::shared_ptr<const Tokenizer> read_json(const Json& root, const std::string& where,
                                           const TokenNames& names) {
  try {
    if (characters::is_char_json(root)) return characters::read_char_json(root, where, names.eos);
    return read_tokenizer_json(root, where, names);
  } catch (const Error& error) {
    throw with_source(error, where);
  }
}

TokenNames read_token_names(const std::filesystem::path& folder) {
  TokenNames names;
  for (const char* file : {"special_tokens_map.json", "tokenizer_config.json"})
    if (std::filesystem::is_regular_file(folder / file))
      add_token_names(read_tokenizer_file(folder / file), (folder / file).string(), names);
  // As in transformers, this one goes before the template in tokenizer_config.json.
  if (const auto file = folder / "chat_template.jinja"; std::filesystem::is_regular_file(file)) {
    names.chat_template = read_tokenizer_file(file);
    check_plain_text(names.chat_template, file.string());
    check_utf8(names.chat_template, file.string());
  }
  return names;
}

// One template, or several by name of which "default" is the one for chats.
void add_chat_template(const Json& value, TokenNames& names) {
  if (value.is_string()) names.chat_template = value.as_string();
  if (!value.is_array()) return;
  for (const Json& item : value.as_array())
    if (item.is_object() && item.get("name", "") == "default")
      names.chat_template = item.get("template", "");
}

}  // namespace

void add_token_names(std::string_view text, const std::string& where, TokenNames& names) {
  const Json root = Json::parse(text, where);
  try {
    for (const auto& [key, value] : root.as_object()) {
      // transformers 5 writes extra_special_tokens, as a list or by role, where 4 wrote additional.
      const bool others = key == "additional_special_tokens" || key == "extra_special_tokens";
      if (others && value.is_array()) {
        for (const Json& item : value.as_array())
          if (const auto name = token_name(item)) names.special.push_back(*name);
      } else if (others && value.is_object()) {
        for (const auto& [role, item] : value.as_object())
          if (const auto name = token_name(item)) names.special.push_back(*name);
      } else if (key == "chat_template") {
        add_chat_template(value, names);
      } else if (key.ends_with("_token")) {
        if (const auto name = token_name(value)) {
          names.special.push_back(*name);
          names.roles[key] = *name;
          if (key == "eos_token") names.eos = *name;
        }
      }
    }
  } catch (const Error& error) {
    throw with_source(error, where);
  }
}

std::shared_ptr<const Tokenizer> read_hugging_face(const std::filesystem::path& path) {
  const bool is_folder = std::filesystem::is_directory(path);
  const std::filesystem::path folder = is_folder ? path : path.parent_path();
  const std::filesystem::path file = is_folder ? path / "tokenizer.json" : path;
  const TokenNames names = read_token_names(folder);
  // Before tokenizer.json: GPT-1's would cut words as BERT does, not as the model was trained.
  if (is_folder)
    if (auto gpt1 = gpt1::find_gpt1(folder, names.special, names.eos))
      return std::make_shared<gpt1::Gpt1Tokenizer>(std::move(*gpt1));
  if (std::filesystem::exists(file)) {
    const Json root = Json::parse(read_tokenizer_file(file), file.string());
    if (wordpiece::is_wordpiece_json(root))
      return wordpiece::read_wordpiece_json(root, file.string(), wordpiece::read_settings(folder));
    return read_json(root, file.string(), names);
  }
  const std::filesystem::path vocab = path / "vocab.json", merges = path / "merges.txt";
  const std::filesystem::path lines = path / "vocab.txt";
  const bool has_merges = std::filesystem::exists(vocab) && std::filesystem::exists(merges);
  if (!has_merges && std::filesystem::exists(lines)) {
    const std::string text = read_tokenizer_file(lines);
    if (wordpiece::is_wordpiece_txt(text))
      return wordpiece::parse_wordpiece_txt(text, lines.string(), wordpiece::read_settings(folder));
    return characters::parse_vocab_txt(text, lines.string(), names.eos);
  }
  if (!has_merges)
    throw Error(ErrorCode::not_found,
                fmt::format("[tokenizer] {} has neither tokenizer.json nor vocab.json and "
                            "merges.txt nor vocab.txt",
                            path.string()));
  const std::string vocab_text = read_tokenizer_file(vocab);
  const std::string merges_text = read_tokenizer_file(merges);
  return parse_vocab_and_merges({vocab_text, merges_text, names.special, names.eos},
                                (path / "").string());
}

}  // namespace stemma::tokenizer_files
