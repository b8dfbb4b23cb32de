// Reads vocab.txt and the settings beside it.
#include <algorithm>

#include <fmt/format.h>

#include "base/error.h"
#include "base/json.h"
#include "text/files/json_error.h"
#include "text/files/text_file.h"
#include "text/wordpiece/files.h"

namespace stemma::wordpiece {
namespace {

// Tokens are written as their names or as objects with their name in "content"; empty: null.
std::string name_of_token(const Json& value) {
  if (value.is_object()) return value.get("content", "");
  return value.is_null() || !value.is_string() ? std::string() : value.as_string();
}

void set_name(const Json& root, const char* key, std::string& name) {
  const Json* value = root.find(key);
  if (value == nullptr) return;
  if (std::string given = name_of_token(*value); !given.empty()) name = std::move(given);
}

void read_names(const Json& root, Settings& settings) {
  SpecialNames& names = settings.names;
  set_name(root, "pad_token", names.pad);
  set_name(root, "unk_token", names.unknown);
  set_name(root, "cls_token", names.cls);
  set_name(root, "sep_token", names.sep);
  set_name(root, "mask_token", names.mask);
  set_name(root, "eos_token", names.end);
  std::string first;
  set_name(root, "bos_token", first);
  if (!first.empty()) settings.special.push_back(std::move(first));
  if (!names.end.empty()) settings.special.push_back(names.end);
  const Json* others = root.find("additional_special_tokens");
  if (others == nullptr || !others->is_array()) return;
  for (const Json& item : others->as_array())
    if (std::string name = name_of_token(item); !name.empty())
      settings.special.push_back(std::move(name));
}

void read_text_options(const Json& root, const std::string& where, TextOptions& text) {
  text.lowercase = root.get("do_lower_case", text.lowercase);
  text.handle_chinese_chars = root.get("tokenize_chinese_chars", text.handle_chinese_chars);
  const Json* strip = root.find("strip_accents");
  if (strip != nullptr && !strip->is_null()) text.strip_accents = strip->as_bool();
  if (!root.get("do_basic_tokenize", true))
    throw Error(ErrorCode::unsupported,
                fmt::format("[{}] do_basic_tokenize is false: text that is cut into words already "
                            "cannot be encoded",
                            where));
}

}  // namespace

void add_settings(std::string_view text, const std::string& where, Settings& settings) {
  const Json root = Json::parse(text, where);
  try {
    root.as_object();
    read_names(root, settings);
    read_text_options(root, where, settings.text);
  } catch (const Error& error) {
    throw tokenizer_files::with_source(error, where);
  }
}

Settings read_settings(const std::filesystem::path& folder) {
  Settings settings;
  for (const char* file : {"special_tokens_map.json", "tokenizer_config.json"})
    if (std::filesystem::is_regular_file(folder / file))
      add_settings(tokenizer_files::read_tokenizer_file(folder / file), (folder / file).string(),
                   settings);
  return settings;
}

bool is_wordpiece_txt(std::string_view text) {
  return std::ranges::any_of(std::initializer_list<std::string_view>{"\n##", "[CLS]", "[UNK]"},
                             [&](std::string_view sign) { return text.find(sign) != text.npos; });
}

std::shared_ptr<const WordPieceTokenizer> parse_wordpiece_txt(std::string_view text,
                                                              const std::string& where,
                                                              const Settings& settings) {
  tokenizer_files::check_plain_text(text, where);
  VocabularyBuilder builder(where, static_cast<std::size_t>(std::ranges::count(text, '\n')) + 1);
  tokenizer_files::LineReader lines(text);
  for (std::string_view line; lines.next(line);) {
    // Hugging Face takes off what is white at the end of a line.
    line = line.substr(0, line.find_last_not_of(" \t") + 1);
    if (line.empty())
      throw Error(ErrorCode::corrupt, fmt::format("[{}] line {} is empty", where, lines.number()));
    builder.add_token(line, static_cast<std::int64_t>(lines.number()) - 1);
  }
  std::vector<std::string> special = settings.special;
  std::ranges::sort(special);
  const auto repeated = std::ranges::unique(special);
  special.erase(repeated.begin(), repeated.end());
  for (const std::string& name : special)
    if (const std::int32_t id = builder.find(name); id >= 0) builder.add_special(name, id);
  Options options;
  options.text = settings.text;
  return std::make_shared<WordPieceTokenizer>(builder.finish(std::move(options), settings.names),
                                              where);
}

}  // namespace stemma::wordpiece
