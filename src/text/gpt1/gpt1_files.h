// Reads and writes GPT-1's tokenizer files: a JSON object from tokens to ids, and a list of merges.
// OpenAI calls them encoder_bpe_40000.json and vocab_40000.bpe, Hugging Face vocab.json and
// merges.txt.
//
//   if (auto vocabulary = find_gpt1("d", {})) save_gpt1(*vocabulary, "e");
//
// They differ from the files of byte-level BPE (files/hugging_face.h): tokens are characters as
// they are, and a token at the end of a word ends in "</w>".
//
// The parsers accept any bytes. They throw corrupt for what is damaged or contradicts itself, and
// unsupported where text could yield a special token. Any thread.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "text/files/folder_settings.h"
#include "text/gpt1/gpt1_vocabulary.h"

namespace stemma::gpt1 {

struct Gpt1Files {
  std::string_view vocab_json, merges_txt;
  std::vector<std::string> special_names;  // as Gpt1VocabularyBuilder::finish() takes them
  std::string eos_name;
};
// `where` names the folder in messages ("d/"). Nothing where the vocabulary is of another kind: no
// token ends in "</w>", or there are letters for the bytes of white space.
std::optional<Gpt1Vocabulary> parse_gpt1(const Gpt1Files& files, const std::string& where);

// The files of a folder; nothing where there are none of this kind. The settings may say
// "do_lower_case": false, which is Gpt1LowerCase::of_words.
std::optional<Gpt1Vocabulary> find_gpt1(const std::filesystem::path& folder,
                                        const tokenizer_files::FolderSettings& settings);

// Whether a tokenizer.json holds such a vocabulary, as transformers 5 writes it instead of the two
// files. What else it says is left out of account: it cuts words as BERT does, the model was
// trained with words as spaCy cuts them.
bool is_gpt1_json(const Json& root);
// Throws corrupt, and unsupported for an added token that is not special.
Gpt1Vocabulary read_gpt1_json(const Json& root, const std::string& where,
                              const tokenizer_files::FolderSettings& settings);

// Writes vocab.json, merges.txt, tokenizer_config.json and special_tokens_map.json into an existing
// folder, each whole or absent; transformers' OpenAIGPTTokenizer opens it.
void save_gpt1(const Gpt1Vocabulary& vocabulary, const std::filesystem::path& folder);

}  // namespace stemma::gpt1
