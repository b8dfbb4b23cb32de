// BERT's tokenizer (Devlin et al. 2018): words as word_cutter.h makes them, each spelled with the
// longest pieces of the vocabulary from its start on (WordPiece). The ids are those of Hugging Face
// `tokenizers` 0.23 for the same files; what is not equal says docs/tokenizers.md.
//
//   auto tokenizer = open_tokenizer("bert-base-uncased");   // a folder
//   tokenizer->encode("Embeddings!", ids);                  // em ##bed ##ding ##s !
//   tokenizer->decode(ids);                                 // "embeddings!"
//   tokenizer->frame(ids).ids;                              // [CLS] em ##bed ##ding ##s ! [SEP]
//
// Any bytes are text, but ids decode to the cleaned text with a space between its words. A word
// without a spelling is [UNK]; "[MASK]" in a text is "[", "mask" and "]". encode() takes time
// linear in the text and memory for one word. Immutable: any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "text/lookup/token_list.h"
#include "text/tokenizer.h"
#include "text/wordpiece/piece_trie.h"
#include "text/wordpiece/vocabulary.h"

namespace stemma::wordpiece {

class WordPieceTokenizer final : public Tokenizer {
 public:
  // Throws unsupported, starting with [where], where a text could yield a special token.
  explicit WordPieceTokenizer(Vocabulary vocabulary, const std::string& where = "tokenizer");

  std::int32_t vocab_size() const override {
    return static_cast<std::int32_t>(vocabulary_.tokens.size());
  }
  void encode(std::string_view text, std::vector<std::int32_t>& ids) const override;
  // A token that begins a word has a space before, unless it is a mark that decode() joins to the
  // word before it; one that goes on with a word comes without its "##".
  std::string_view bytes_of(std::int32_t id) const override;
  const std::vector<std::pair<std::string, std::int32_t>>& special_tokens() const override {
    return vocabulary_.special_tokens;
  }
  std::string_view flag_of_special(std::int32_t id) const override {
    return vocabulary_.flag_of_special(id);
  }
  std::optional<std::int32_t> end_of_text() const override { return vocabulary_.end_of_text; }
  // Writes tokenizer.json, tokenizer_config.json, special_tokens_map.json and, where every id has a
  // token, vocab.txt.
  void save(const std::filesystem::path& folder) const override;

  bool keeps_bytes() const override { return false; }
  std::size_t last_boundary(std::string_view text) const override {
    return last_word_end(text, vocabulary_.options.text);
  }

  // As Hugging Face's decoder WordPiece, special tokens included.
  using Tokenizer::decode;
  void decode(std::span<const std::int32_t> ids, std::string& text) const override;

  Framed frame(std::span<const std::int32_t> first) const override;
  Framed frame(std::span<const std::int32_t> first,
               std::span<const std::int32_t> second) const override;

  const Vocabulary& vocabulary() const { return vocabulary_; }

 private:
  void encode_word(std::string_view word, std::vector<std::int32_t>& ids) const;
  void check_specials(const std::string& where) const;

  Vocabulary vocabulary_;
  PieceTrie begins_, goes_on_;    // whole tokens, and what follows the prefix
  lookup::TokenList spaced_;      // by id: the text of a token that is not the first
  std::vector<bool> is_special_;  // by id
};

}  // namespace stemma::wordpiece
