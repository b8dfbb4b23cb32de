#include "text/files/folder_settings.h"

#include <algorithm>
#include <array>
#include <charconv>

#include <fmt/format.h>

#include "base/error.h"
#include "base/log.h"
#include "text/files/json_error.h"
#include "text/files/text_file.h"

namespace stemma::tokenizer_files {
namespace {

// Keys of tokenizer_config.json that a copy writes anew or has no use for: where files once lay,
// and what the tokenizer.json beside it says.
constexpr std::array<std::string_view, 8> kNotKept = {
    "name_or_path", "tokenizer_file", "special_tokens_map_file", "vocab_file", "merges_file",
    "auto_map",     "is_local",       "local_files_only"};

// Tokens are written as their names or as objects with their name in "content".
std::optional<std::string> token_name(const Json& value) {
  if (value.is_string()) return value.as_string();
  if (value.is_object()) return value.get("content", "");
  return std::nullopt;
}

void add_special(const Json& value, FolderSettings& settings) {
  if (const auto name = token_name(value); name && !name->empty())
    settings.special.push_back(*name);
}

// One template, or several by name of which "default" is the one for chats.
void add_chat_template(const Json& value, FolderSettings& settings) {
  if (value.is_string()) settings.chat_template = value.as_string();
  if (!value.is_array()) return;
  settings.kept.set("chat_template", value);
  for (const Json& item : value.as_array())
    if (item.is_object() && item.get("name", "") == "default")
      settings.chat_template = item.get("template", "");
}

void add_role(const std::string& key, const Json& value, FolderSettings& settings) {
  const auto name = token_name(value);
  if (!name || name->empty()) return;
  settings.special.push_back(*name);
  settings.roles[key] = *name;
  if (key == "eos_token") settings.eos = *name;
}

void add_decoder(const Json& tokens, const std::string& where, FolderSettings& settings) {
  for (const auto& [key, token] : tokens.as_object()) {
    std::int64_t id = 0;
    const auto [end, error] = std::from_chars(key.data(), key.data() + key.size(), id);
    if (error != std::errc() || end != key.data() + key.size() || id < 0)
      throw Error(ErrorCode::corrupt,
                  fmt::format("[{}] added_tokens_decoder has the key '{}', which must be an id",
                              where, key));
    settings.added.push_back(added_token_of(token, id));
  }
}

// False for a key of tokenizer_config.json that says nothing of tokens.
bool add_key(const std::string& key, const Json& value, FolderSettings& settings) {
  // transformers 5 writes extra_special_tokens, as a list or by role, where 4 wrote additional.
  if (key == "additional_special_tokens" || key == "extra_special_tokens") {
    if (value.is_array())
      for (const Json& item : value.as_array()) add_special(item, settings);
    if (value.is_object())
      for (const auto& [role, item] : value.as_object()) add_special(item, settings);
  } else if (key == "add_bos_token" || key == "add_eos_token") {
    if (!value.is_null())
      (key == "add_bos_token" ? settings.adds_bos : settings.adds_eos) = value.as_bool();
  } else if (key == "add_prefix_space") {
    if (!value.is_null()) settings.adds_space = value.as_bool();
  } else if (key == "chat_template") {
    add_chat_template(value, settings);
  } else if (key == "tokenizer_class") {
    if (value.is_string()) settings.tokenizer_class = value.as_string();
  } else if (key == "model_specific_special_tokens" && value.is_object()) {
    for (const auto& [role, item] : value.as_object()) add_role(role, item, settings);
  } else if (key.ends_with("_token") && !value.is_null()) {
    add_role(key, value, settings);
  } else {
    return false;  // and kept; a null role too: some classes have a token where none is said
  }
  return true;
}

std::optional<std::string> text_of(const std::filesystem::path& file) {
  if (!std::filesystem::is_regular_file(file)) return std::nullopt;
  return read_tokenizer_file(file);
}

}  // namespace

AddedToken added_token_of(const Json& token, std::int64_t id) {
  AddedToken added;
  added.name = token.at("content").as_string();
  added.id = id;
  added.special = token.get("special", false);
  added.flags = {token.get("single_word", false), token.get("lstrip", false),
                 token.get("rstrip", false), token.get("normalized", !added.special)};
  return added;
}

void add_settings(std::string_view text, const std::string& where, SettingsFile file,
                  FolderSettings& settings) {
  const Json root = Json::parse(text, where);
  try {
    for (const auto& [key, value] : root.as_object()) {
      if (key == "added_tokens_decoder" && file == SettingsFile::tokenizer_config)
        add_decoder(value, where, settings);
      else if (!add_key(key, value, settings) && file == SettingsFile::tokenizer_config &&
               std::ranges::find(kNotKept, key) == kNotKept.end())
        settings.kept.set(key, value);
      if (key == "auto_map")
        log_topic("tokenizer", fmt::format("{}: auto_map names code that is not run", where));
    }
  } catch (const Error& error) {
    throw with_source(error, where);
  }
}

void add_added_tokens(std::string_view text, const std::string& where, FolderSettings& settings) {
  const Json root = Json::parse(text, where);
  try {
    for (const auto& [name, id] : root.as_object()) {
      const bool special = std::ranges::find(settings.special, name) != settings.special.end();
      settings.added.push_back({name, id.as_int(), special, {.normalized = !special}});
    }
  } catch (const Error& error) {
    throw with_source(error, where);
  }
}

FolderSettings read_folder_settings(const std::filesystem::path& folder) {
  FolderSettings settings;
  const auto map = folder / "special_tokens_map.json", config = folder / "tokenizer_config.json",
             added = folder / "added_tokens.json", chat = folder / "chat_template.jinja";
  if (const auto text = text_of(config))
    add_settings(*text, config.string(), SettingsFile::tokenizer_config, settings);
  // Older ways to say the same, which go before the names in tokenizer_config.json.
  if (settings.added.empty()) {
    if (const auto text = text_of(map))
      add_settings(*text, map.string(), SettingsFile::special_tokens_map, settings);
    if (const auto text = text_of(added)) add_added_tokens(*text, added.string(), settings);
  }
  // As in transformers, this one goes before the template in tokenizer_config.json.
  if (const auto text = text_of(chat)) {
    check_plain_text(*text, chat.string());
    check_utf8(*text, chat.string());
    settings.chat_template = *text;
  }
  return settings;
}

void check_flags(const AddedToken& token, const std::string& where) {
  const bpe::SpecialFlags& flags = token.flags;
  if (token.special || !(flags.lstrip || flags.rstrip || flags.single_word)) return;
  throw Error(ErrorCode::unsupported,
              fmt::format("[{}] added token '{}' is not special and has {}, which is not supported",
                          where, token.name,
                          flags.lstrip   ? "lstrip"
                          : flags.rstrip ? "rstrip"
                                         : "single_word"));
}

void add_tokens(const AddedTokens& tokens, bpe::VocabularyBuilder& builder) {
  for (const auto& [name, token] : tokens) {
    if (token.special)
      builder.add_special(name, token.id);
    else
      builder.add_added(name, token.id);
  }
}

void set_flags(const AddedTokens& tokens, bpe::BpeVocabulary& vocabulary) {
  for (const auto& [name, token] : tokens)
    if (token.special && token.flags != bpe::SpecialFlags())
      vocabulary.special_flags[static_cast<std::int32_t>(token.id)] = token.flags;
}

std::vector<std::string> special_names_in_order(const FolderSettings& settings) {
  std::vector<std::string> names;
  for (const char* role :
       {"bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token"})
    if (const auto found = settings.roles.find(role); found != settings.roles.end())
      names.push_back(found->second);
  names.insert(names.end(), settings.special.begin(), settings.special.end());
  return names;
}

void keep_padding(const Json& tokenizer_json, FolderSettings& settings) {
  const Json* padding = tokenizer_json.find("padding");
  if (padding == nullptr || !padding->is_object()) return;
  const std::string side = padding->get("direction", ""), token = padding->get("pad_token", "");
  if (!side.empty() && settings.kept.find("padding_side") == nullptr)
    settings.kept.set("padding_side", side == "Left" ? "left" : "right");
  if (!token.empty() && !settings.roles.contains("pad_token"))
    add_role("pad_token", Json(token), settings);
}

Json kept_with_roles(const FolderSettings& settings) {
  Json kept = settings.kept;
  for (const auto& [role, name] : settings.roles) kept.set(role, name);
  return kept;
}

void add_kept(const Json& kept, Json& config) {
  for (const auto& [key, value] : kept.as_object())
    if (config.find(key) == nullptr) config.set(key, value);
}

}  // namespace stemma::tokenizer_files
