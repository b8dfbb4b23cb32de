// The tokens of a model as a grammar sees them: bytes, in tries.
//
//   const auto tokens = std::make_shared<const TokenTable>(*tokenizer, end_tokens);
//
// Made once for a tokenizer (some 50 ms) and shared. Special tokens are never part of a text; the
// end tokens are allowed where a text is whole. A token without bytes is never allowed.
//
// Plain tokens are apart from the others: whole characters, at most kPlainCharacters of them, none
// of which is a control character, a quote or a backslash. Inside of a JSON string without further
// rules all of them are allowed at once, which leaves a few thousand tokens to look at.
//
// Immutable; any thread. Owns copies of the bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "text/grammar/token_trie.h"
#include "text/tokenizer.h"

namespace stemma::grammar {

class TokenTable {
 public:
  static constexpr std::size_t kPlainCharacters = 16;

  // Throws unsupported for a tokenizer whose text is not the bytes of its tokens
  // (Tokenizer::joins_bytes()), invalid_argument for end tokens out of range.
  TokenTable(const Tokenizer& tokenizer, std::span<const std::int32_t> end_tokens);
  // bytes[id]; empty: the id is never allowed.
  TokenTable(std::span<const std::string> bytes, std::span<const std::int32_t> end_tokens);

  // One more than the largest id.
  std::int32_t size() const { return static_cast<std::int32_t>(begins_.size() - 1); }
  // How many words of 32 bits a mask has.
  std::size_t mask_words() const { return (begins_.size() - 1 + 31) / 32; }
  // Empty for ids out of range, special tokens and such.
  std::string_view bytes(std::int32_t id) const;
  std::span<const std::int32_t> end_tokens() const { return end_tokens_; }
  bool is_end(std::int32_t id) const;

  const TokenTrie& plain() const { return plain_; }
  const TokenTrie& others() const { return others_; }
  const TokenTrie& long_ones() const { return long_; }  // above kMaxMaskedBytes
  // A bit for each plain token.
  std::span<const std::uint32_t> plain_bits() const { return plain_bits_; }

 private:
  void build();

  std::string text_;
  std::vector<std::size_t> begins_;  // of each id's bytes in text_, and the end
  std::vector<std::int32_t> end_tokens_;
  TokenTrie plain_, others_, long_;
  std::vector<std::uint32_t> plain_bits_;
};

}  // namespace stemma::grammar
