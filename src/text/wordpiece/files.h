// WordPiece tokenizers as Hugging Face files: tokenizer.json with the model WordPiece, and
// vocab.txt (one token a line, its id is the number of the line from 0) with tokenizer_config.json.
//
//   Settings settings = read_settings("folder");
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

#include "text/wordpiece/tokenizer.h"

namespace stemma {
class Json;
}

namespace stemma::wordpiece {

// What tokenizer_config.json and special_tokens_map.json say.
struct Settings {
  SpecialNames names;
  std::vector<std::string> special;  // further special tokens
  TextOptions text;                  // for vocab.txt: a tokenizer.json has its own
};
// Of a folder; a file that is missing says nothing.
Settings read_settings(const std::filesystem::path& folder);
void add_settings(std::string_view text, const std::string& where, Settings& settings);

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
