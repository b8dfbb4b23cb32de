// Reads and writes tokenizers as Hugging Face stores them: byte-level BPE with one of the patterns
// of split/splitter.h, with or without the normalizer Lowercase. SmolLM's pattern is stored as the
// sequence of Digits and ByteLevel that its own file has.
//
//   auto tokenizer = parse_tokenizer_json(read_file("tokenizer.json"), "tokenizer.json", {});
//
// `where` names the source in messages. All parsers accept any bytes. They throw corrupt for what
// is damaged or contradicts itself, and unsupported, naming the feature, for what is well formed
// but would give other ids here (another model, pre-tokenizer or normalizer, ...).
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "text/bpe/bpe_tokenizer.h"
#include "text/files/folder_settings.h"

namespace stemma {
class Json;
}

namespace stemma::tokenizer_files {

// eos_name: the special token that separates documents, as tokenizer_config.json names it; empty or
// unknown means <|endoftext|> where the vocabulary has it.
std::shared_ptr<const bpe::BpeTokenizer> parse_tokenizer_json(std::string_view text,
                                                              const std::string& where,
                                                              std::string_view eos_name = {});
// The same of a file that is parsed already.
std::shared_ptr<const bpe::BpeTokenizer> read_tokenizer_json(const Json& root,
                                                             const std::string& where,
                                                             const FolderSettings& settings = {});

// Roles, chat template and what copies keep.
void keep_settings(const FolderSettings& settings, bpe::BpeVocabulary& vocabulary);

// The two tokens of a merge in a tokenizer.json, one text or a pair; views into it.
std::pair<std::string_view, std::string_view> parts_of_merge(const Json& merge,
                                                             const std::string& where);
// Left and right tokens of merges.txt, as bytes, by rank.
std::vector<std::pair<std::string, std::string>> parse_merges(std::string_view text,
                                                              const std::string& where);

// The pair of older files, which do not say which tokens are special: those are the ones that
// `settings` names and those spelled <...> that no merge makes.
struct VocabAndMerges {
  std::string_view vocab_json, merges_txt;
  FolderSettings settings;
};
std::shared_ptr<const bpe::BpeTokenizer> parse_vocab_and_merges(const VocabAndMerges& files,
                                                                const std::string& where);

// A folder with tokenizer.json (also of a character tokenizer, char_json.h, or of WordPiece,
// wordpiece/files.h), with vocab.json and merges.txt, or with vocab.txt; or a tokenizer.json
// itself. What lies beside it is read too (folder_settings.h).
std::shared_ptr<const Tokenizer> read_hugging_face(const std::filesystem::path& path);

// Tokenizer::save().
void save_hugging_face(const bpe::BpeTokenizer& tokenizer, const std::filesystem::path& folder);

}  // namespace stemma::tokenizer_files
