// A tokenizer with one id for each character, for small experiments. It always has the 256 bytes
// and, beside them, any number of characters above U+007F (the others are bytes themselves). A
// character without an id of its own becomes its bytes, so every text has ids and decode(encode(x))
// == x for any bytes.
//
//   auto bytes = byte_tokenizer();                  // no characters at all: the built-in "bytes"
//   bytes->encode("é", ids);                        // 195 169
//   auto chars = open_tokenizer("vocab.txt");       // vocab_txt.h
//
// Immutable: any thread may encode and decode. encode() needs no memory beside the ids.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "text/bpe/bpe_vocabulary.h"
#include "text/lookup/token_list.h"
#include "text/tokenizer.h"
#include "text/unicode/utf8.h"

namespace stemma::characters {

class CharTokenizer final : public Tokenizer {
 public:
  // vocabulary: as VocabularyBuilder checked it, without merges; every token that is neither a byte
  // nor special is one character. end_of_text: as make_bpe_tokenizer() finds it.
  explicit CharTokenizer(bpe::BpeVocabulary vocabulary, std::string_view eos_name = {});

  std::int32_t vocab_size() const override { return static_cast<std::int32_t>(tokens_.size()); }
  void encode(std::string_view text, std::vector<std::int32_t>& ids) const override;
  std::string_view bytes_of(std::int32_t id) const override;
  const std::vector<std::pair<std::string, std::int32_t>>& special_tokens() const override {
    return special_tokens_;
  }
  std::optional<std::int32_t> end_of_text() const override { return end_of_text_; }
  // Writes vocab.txt (vocab_txt.h) where that can hold it and, for Hugging Face, tokenizer.json,
  // tokenizer_config.json and special_tokens_map.json.
  void save(const std::filesystem::path& folder) const override;

  // Behind the last whole character.
  std::size_t last_boundary(std::string_view text) const override {
    return text.size() - unicode::incomplete_utf8_tail(text);
  }

  const lookup::TokenList& tokens() const { return tokens_; }

 private:
  lookup::TokenList tokens_;
  std::vector<std::pair<std::string, std::int32_t>> special_tokens_;
  std::optional<std::int32_t> end_of_text_;
  std::array<std::int32_t, 256> id_of_byte_{};
  std::vector<std::int32_t> id_of_character_;  // up to the largest character; -1: none
};

// Ids 0 to 255 are the bytes, 256 is <|endoftext|>.
std::shared_ptr<const CharTokenizer> byte_tokenizer();

}  // namespace stemma::characters
