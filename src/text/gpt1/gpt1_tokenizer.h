// GPT-1's tokenizer (Radford et al. 2018, section 4.1): ftfy's cleaning, spaCy's English words,
// lower case, and byte-pair encoding of characters. "openai-gpt" equals the OpenAIGPTTokenizer of
// Hugging Face transformers 4.57 with ftfy 6.3 and spaCy 3.8; "gpt1" equals OpenAI's own code with
// these (Gpt1LowerCase).
//
//   auto tokenizer = open_tokenizer("openai-gpt");
//   tokenizer->encode("It's  FINE.", ids);         // it 's fine .
//   tokenizer->decode(ids);                        // "it 's fine ."
//
// Any bytes are text, but ids decode to the cleaned text in lower case, with single spaces between
// its words. What the vocabulary cannot spell becomes <unk>; "<unk>" in a text is ordinary
// characters. Any number of threads may encode and decode at once; they share a cache of words and
// their ids (lookup/word_cache.h). encode() needs a few times the size of the text.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "text/gpt1/gpt1_vocabulary.h"
#include "text/gpt1/word_merger.h"
#include "text/lookup/token_list.h"
#include "text/tokenizer.h"

namespace stemma::lookup {
class WordCache;
}

namespace stemma::gpt1 {

class Gpt1Tokenizer final : public Tokenizer {
 public:
  explicit Gpt1Tokenizer(Gpt1Vocabulary vocabulary);
  ~Gpt1Tokenizer() override;

  std::int32_t vocab_size() const override {
    return static_cast<std::int32_t>(vocabulary_.tokens.size());
  }
  void encode(std::string_view text, std::vector<std::int32_t>& ids) const override;
  // A token that ends a word has a space behind.
  std::string_view bytes_of(std::int32_t id) const override;
  const std::vector<std::pair<std::string, std::int32_t>>& special_tokens() const override {
    return vocabulary_.special_tokens;
  }
  std::optional<std::int32_t> end_of_text() const override { return vocabulary_.end_of_text; }
  // Writes vocab.json, merges.txt, tokenizer_config.json and special_tokens_map.json, as
  // transformers' OpenAIGPTTokenizer does.
  void save(const std::filesystem::path& folder) const override;

  bool keeps_bytes() const override { return false; }
  using Tokenizer::decode;
  // The bytes of the ids, without the space behind the last word.
  void decode(std::span<const std::int32_t> ids, std::string& text) const override;

  const Gpt1Vocabulary& vocabulary() const { return vocabulary_; }

 private:
  Gpt1Vocabulary vocabulary_;
  lookup::TokenList texts_;  // by id, what bytes_of() gives
  WordMerger merger_;
  std::unique_ptr<lookup::WordCache> words_;
  std::int32_t line_;  // the id of a line's end
};

}  // namespace stemma::gpt1
