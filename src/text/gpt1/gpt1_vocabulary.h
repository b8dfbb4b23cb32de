// The data of GPT-1's encoding (tokens, merges, special tokens), and the builder that checks it.
// The encoding is byte-pair encoding of characters, in which the last character of a word has the
// mark "</w>".
//
//   Gpt1VocabularyBuilder builder("d/", 40478);
//   builder.add_token("t", 3); ...
//   builder.add_merge("t", "h");                   // in order of rank, after all tokens
//   Gpt1Vocabulary vocabulary = builder.finish({"<unk>"}, "");
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "text/bpe/bpe_vocabulary.h"
#include "text/lookup/pair_map.h"
#include "text/lookup/string_map.h"
#include "text/lookup/token_list.h"

namespace stemma::gpt1 {

inline constexpr std::string_view kWordEnd = "</w>";

// What is made lower case. transformers' OpenAIGPTTokenizer begins with the whole text, so that
// spaCy never sees a capital and "Mr." is two words; OpenAI's own code
// (openai/finetune-transformer-lm, text_utils.py), by which GPT-1 was trained, looks for words
// first.
enum class Gpt1LowerCase : std::uint8_t { of_text, of_words };

struct Gpt1Vocabulary {
  lookup::TokenList tokens;           // as files spell them: "the</w>"
  std::vector<bpe::BpeMerge> merges;  // by rank; the result is spelled as left, then right
  std::int32_t unknown = 0;           // <unk>, for symbols without a token; special
  std::vector<std::pair<std::string, std::int32_t>> special_tokens;  // by id; also in `tokens`
  std::optional<std::int32_t> end_of_text;                           // one of them
  Gpt1LowerCase lower_case = Gpt1LowerCase::of_text;
  std::string settings = "{}";  // the keys of tokenizer_config.json that only copies need
};

// Every function throws corrupt, starting with the file's name in `where` (a folder with '/', or
// empty), when its argument contradicts what came before.
class Gpt1VocabularyBuilder {
 public:
  // Ids must be below 2·tokens + 1024, so that no id asks for memory out of proportion to its file.
  Gpt1VocabularyBuilder(const std::string& where, std::size_t tokens);

  void add_token(std::string_view token, std::int64_t id);
  void add_merge(std::string_view left, std::string_view right);

  // special_names: besides <unk>; those that are no tokens are passed over. eos_name: the one
  // between documents; empty or unknown: none. Throws unsupported when text can yield a special
  // token. The builder is empty afterwards.
  Gpt1Vocabulary finish(std::vector<std::string> special_names, std::string_view eos_name);

 private:
  std::int32_t id_of(std::string_view token, std::string_view left, std::string_view right) const;
  void check_special(std::string_view name, std::int32_t id) const;

  std::string vocab_name_, merges_name_;
  std::int64_t id_limit_;
  Gpt1Vocabulary vocabulary_;
  lookup::StringMap<std::int32_t> ids_;
  lookup::PairMap<bool> merged_;
  std::vector<bool> made_;  // by id: a merge makes it
};

}  // namespace stemma::gpt1
