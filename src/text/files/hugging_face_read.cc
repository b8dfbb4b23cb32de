// Finds and reads the tokenizer files of a Hugging Face folder.
#include <algorithm>
#include <initializer_list>
#include <optional>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "base/error.h"
#include "base/json.h"
#include "base/log.h"
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

std::shared_ptr<const Tokenizer> read_json(const Json& root, const std::string& where,
                                           const FolderSettings& settings) {
  try {
    if (characters::is_char_json(root))
      return characters::read_char_json(root, where, settings.eos);
    return read_tokenizer_json(root, where, settings);
  } catch (const Error& error) {
    throw with_source(error, where);
  }
}

bool is_one_of(std::string_view name, std::initializer_list<std::string_view> names) {
  return std::ranges::find(names, name) != names.end();
}

// Classes that say nothing of how text is split.
bool is_general(std::string_view name) {
  return is_one_of(name,
                   {"", "PreTrainedTokenizer", "PreTrainedTokenizerFast", "TokenizersBackend"});
}
bool is_gpt2(std::string_view name) {
  return is_one_of(name, {"GPT2Tokenizer", "GPT2TokenizerFast"});
}

// Files of vocabularies alone do not say how text is split; other classes split it otherwise, or
// put other tokens around it.
void check_class(const FolderSettings& settings, const std::filesystem::path& folder, bool known,
                 const char* files) {
  if (known || is_general(settings.tokenizer_class)) return;
  throw Error(
      ErrorCode::unsupported,
      fmt::format("[tokenizer] {}: {} of the tokenizer_class {} would be read otherwise and "
                  "is not supported; put its tokenizer.json beside it (save_pretrained of "
                  "transformers writes it)",
                  folder.string(), files, settings.tokenizer_class));
}

// transformers 5 builds some classes anew and leaves out of account how the file splits text.
void tell_of_class(const FolderSettings& settings, const Json& root, const std::string& where) {
  const std::string& name = settings.tokenizer_class;
  const Json* step = root.find("pre_tokenizer");
  const Json* normalizer = root.find("normalizer");
  const bool plain = step != nullptr && step->is_object() && step->get("type", "") == "ByteLevel" &&
                     (normalizer == nullptr || normalizer->is_null());
  if (is_general(name) || name.starts_with("LlamaTokenizer") || (is_gpt2(name) && plain)) return;
  log_info(
      fmt::format("{}: text is split as this file says; transformers 5 makes a {} of its "
                  "vocabulary, which may split it otherwise",
                  where, name));
}

// What GPT2Tokenizer takes where its files say nothing. (Where the vocabulary has no <|endoftext|>,
// transformers adds one, which no model has learned.)
void add_gpt2_roles(std::string_view vocab_json, FolderSettings& settings) {
  if (vocab_json.find("\"<|endoftext|>\"") == vocab_json.npos) return;
  if (!settings.tokenizer_class.empty() && !is_gpt2(settings.tokenizer_class)) return;
  for (const char* role : {"bos_token", "eos_token", "unk_token"})
    if (!settings.roles.contains(role) && settings.kept.find(role) == nullptr)
      settings.roles[role] = "<|endoftext|>";
}

}  // namespace

void keep_settings(const FolderSettings& settings, bpe::BpeVocabulary& vocabulary) {
  vocabulary.roles = bpe::roles_of(vocabulary, settings.roles);
  vocabulary.chat_template = settings.chat_template;
  vocabulary.settings = settings.kept.dump();
}

std::shared_ptr<const Tokenizer> read_hugging_face(const std::filesystem::path& path) {
  const bool is_folder = std::filesystem::is_directory(path);
  const std::filesystem::path folder = is_folder ? path : path.parent_path();
  const std::filesystem::path file = is_folder ? path / "tokenizer.json" : path;
  FolderSettings settings = read_folder_settings(folder);
  // Before tokenizer.json: GPT-1's would cut words as BERT does, not as the model was trained.
  if (is_folder)
    if (auto gpt1 = gpt1::find_gpt1(folder, settings))
      return std::make_shared<gpt1::Gpt1Tokenizer>(std::move(*gpt1));
  if (std::filesystem::exists(file)) {
    const Json root = Json::parse(read_tokenizer_file(file), file.string());
    keep_padding(root, settings);
    if (gpt1::is_gpt1_json(root)) {
      log_info(fmt::format("{}: words are cut as GPT-1 was trained, not as this file says",
                           file.string()));
      return std::make_shared<gpt1::Gpt1Tokenizer>(
          gpt1::read_gpt1_json(root, file.string(), settings));
    }
    if (wordpiece::is_wordpiece_json(root))
      return wordpiece::read_wordpiece_json(root, file.string(),
                                            wordpiece::settings_of(settings, folder.string()));
    auto tokenizer = read_json(root, file.string(), settings);
    if (!characters::is_char_json(root)) tell_of_class(settings, root, file.string());
    return tokenizer;
  }
  const std::filesystem::path vocab = path / "vocab.json", merges = path / "merges.txt";
  const std::filesystem::path lines = path / "vocab.txt";
  const bool has_merges = std::filesystem::exists(vocab) && std::filesystem::exists(merges);
  if (!has_merges && std::filesystem::exists(lines)) {
    const std::string text = read_tokenizer_file(lines);
    const std::string& name = settings.tokenizer_class;
    if (wordpiece::is_wordpiece_txt(text))
      check_class(settings, path,
                  name.find("Bert") != name.npos || name.starts_with("ElectraTokenizer"),
                  "vocab.txt");
    if (wordpiece::is_wordpiece_txt(text))
      return wordpiece::parse_wordpiece_txt(text, lines.string(),
                                            wordpiece::settings_of(settings, folder.string()));
    return characters::parse_vocab_txt(text, lines.string(), settings.eos);
  }
  if (!has_merges)
    throw Error(ErrorCode::not_found,
                fmt::format("[tokenizer] {} has neither tokenizer.json nor vocab.json and "
                            "merges.txt nor vocab.txt",
                            path.string()));
  check_class(settings, path, is_gpt2(settings.tokenizer_class), "vocab.json and merges.txt");
  const std::string vocab_text = read_tokenizer_file(vocab);
  add_gpt2_roles(vocab_text, settings);
  const std::string merges_text = read_tokenizer_file(merges);
  return parse_vocab_and_merges({vocab_text, merges_text, settings}, (path / "").string());
}

}  // namespace stemma::tokenizer_files
