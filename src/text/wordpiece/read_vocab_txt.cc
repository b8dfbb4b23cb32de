// Reads vocab.txt and the settings beside it.
#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "base/error.h"
#include "base/json.h"
#include "text/files/json_error.h"
#include "text/files/text_file.h"
#include "text/wordpiece/files.h"

namespace stemma::wordpiece {
namespace {

void set_name(const std::map<std::string, std::string>& roles, const char* role,
              std::string& name) {
  if (const auto found = roles.find(role); found != roles.end()) name = found->second;
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

Settings settings_of(tokenizer_files::FolderSettings folder, const std::string& where) {
  Settings settings;
  settings.folder = std::move(folder);
  const auto& roles = settings.folder.roles;
  SpecialNames& names = settings.names;
  set_name(roles, "pad_token", names.pad);
  set_name(roles, "unk_token", names.unknown);
  set_name(roles, "cls_token", names.cls);
  set_name(roles, "sep_token", names.sep);
  set_name(roles, "mask_token", names.mask);
  set_name(roles, "eos_token", names.end);
  try {
    read_text_options(settings.folder.kept, where, settings.text);
  } catch (const Error& error) {
    throw tokenizer_files::with_source(error, where);
  }
  return settings;
}

void add_tokens_of_settings(const Settings& settings, const std::string& where,
                            VocabularyBuilder& builder) {
  for (const tokenizer_files::AddedToken& token : settings.folder.added) {
    if (builder.is_special(token.name)) continue;
    if (!token.special)
      throw Error(ErrorCode::unsupported,
                  fmt::format("[{}] added token '{}' is not special: WordPiece that matches tokens "
                              "inside text is not supported",
                              where, token.name));
    builder.add_special(token.name, token.id, token.flags);
  }
  const SpecialNames& names = settings.names;
  const std::set<std::string> required{names.pad, names.unknown, names.cls, names.sep, names.mask};
  for (const std::string& name : settings.folder.special) {
    const std::int32_t known = builder.find(name);
    if (builder.is_special(name) || (known < 0 && required.contains(name))) continue;
    builder.add_special(name, known >= 0 ? known : builder.next_id());
  }
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
  add_tokens_of_settings(settings, where, builder);
  Options options;
  options.text = settings.text;
  Vocabulary vocabulary = builder.finish(std::move(options), settings.names);
  vocabulary.settings = tokenizer_files::kept_with_roles(settings.folder).dump();
  return std::make_shared<WordPieceTokenizer>(std::move(vocabulary), where);
}

}  // namespace stemma::wordpiece
