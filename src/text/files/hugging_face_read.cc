// Finds and reads the tokenizer files of a Hugging Face folder.
#include <optional>
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

// These two files alone do not say how text is split; other classes split it otherwise, or put
// other tokens around it.
void check_class(const FolderSettings& settings, const std::filesystem::path& folder) {
  const std::string& name = settings.tokenizer_class;
  for (const char* known : {"", "GPT2Tokenizer", "GPT2TokenizerFast", "PreTrainedTokenizer",
                            "PreTrainedTokenizerFast", "TokenizersBackend"})
    if (name == known) return;
  throw Error(ErrorCode::unsupported,
              fmt::format("[tokenizer] {}: vocab.json and merges.txt of the tokenizer_class {} are "
                          "read otherwise than GPT-2's and are not supported; put its "
                          "tokenizer.json beside them (save_pretrained of transformers writes it)",
                          folder.string(), name));
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
    return read_json(root, file.string(), settings);
  }
  const std::filesystem::path vocab = path / "vocab.json", merges = path / "merges.txt";
  const std::filesystem::path lines = path / "vocab.txt";
  const bool has_merges = std::filesystem::exists(vocab) && std::filesystem::exists(merges);
  if (!has_merges && std::filesystem::exists(lines)) {
    const std::string text = read_tokenizer_file(lines);
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
  check_class(settings, path);
  const std::string vocab_text = read_tokenizer_file(vocab);
  const std::string merges_text = read_tokenizer_file(merges);
  return parse_vocab_and_merges({vocab_text, merges_text, settings}, (path / "").string());
}

}  // namespace stemma::tokenizer_files
