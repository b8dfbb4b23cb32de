// WordPiece tokenizers as Hugging Face files: tokenizer.json with the model WordPiece, and
// vocab.txt (one token a line, its id is the number of the line from 0) with tokenizer_config.json.
//
//   Settings settings = settings_of(read_folder_settings("folder"), "folder");
//   if (is_wordpiece_txt(text)) tokenizer = parse_wordpiece_txt(text, "vocab.txt", settings);
//   save_hugging_face(tokenizer->vocabulary(), "copy");
//
// All readers take any bytes: they throw corrupt for what is damaged, contradicts itself or lacks a
// special token, and unsupported, with its name, for what would give other ids here (another
// normalizer, tokens matched inside text, a Roberta post-processor, ...). Any thread.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "text/files/folder_settings.h"
#include "text/wordpiece/tokenizer.h"

namespace stemma {
class Json;
}

namespace stemma::wordpiece {

// What the files beside a vocabulary say.
struct Settings {
  tokenizer_files::FolderSettings folder;
  SpecialNames names;
  TextOptions text;  // for vocab.txt: a tokenizer.json has its own
};
// Throws corrupt and unsupported, starting with [where].
Settings settings_of(tokenizer_files::FolderSettings folder, const std::string& where);

// The added and special tokens that the settings name and the builder does not have as such. The
// five that every model of this kind needs get no new ids: their absence is an error of finish().
void add_tokens_of_settings(const Settings& settings, const std::string& where,
                            VocabularyBuilder& builder);

// Whether a tokenizer.json is of this kind. Throws nothing but corrupt.
bool is_wordpiece_json(const Json& root);
// `truncation` and `padding`, which saved files may have, are not applied: encode() gives all ids
// of a text. STEMMA_LOG=tokenizer tells of them.
std::shared_ptr<const WordPieceTokenizer> read_wordpiece_json(const Json& root,
                                                              const std::string& where,
                                                              const Settings& settings = {});

// Whether a vocab.txt is of this kind, and no character tokenizer's (vocab_txt.h): it has [UNK],
// [CLS] or a token with ##.
bool is_wordpiece_txt(std::string_view text);
std::shared_ptr<const WordPieceTokenizer> parse_wordpiece_txt(std::string_view text,
                                                              const std::string& where,
                                                              const Settings& settings = {});

// Each file is whole or absent. Throws device.
void save_hugging_face(const Vocabulary& vocabulary, const std::filesystem::path& folder);
// vocab.txt alone. Throws unsupported where it cannot hold all: an id without a token, a cased
// vocabulary or other settings.
void save_wordpiece_txt(const Vocabulary& vocabulary, const std::filesystem::path& path);

}  // namespace stemma::wordpiece
