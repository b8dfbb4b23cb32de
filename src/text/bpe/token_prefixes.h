// The tokens that a text begins with, longest first. Private to text/.
//
//   TokenPrefixes prefixes(vocabulary, rules);
//   prefixes.longest(" worlds", end);     // {995, 6}: " world"
//   prefixes.longest(" worl", end);       // the next shorter one, and so on; at last a byte
//
// A table says which sizes the tokens have that begin with three given bytes; only these are looked
// up. Refers to the rules. Immutable: any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <utility>
#include <vector>

#include "base/large_pages.h"
#include "text/bpe/bpe_vocabulary.h"
#include "text/bpe/merge_rules.h"
#include "text/lookup/word_key.h"

namespace stemma::bpe {

class TokenPrefixes {
 public:
  TokenPrefixes(const BpeVocabulary& vocabulary, const MergeRules& rules);

  struct Token {
    std::int32_t id = -1;
    std::size_t size = 0;
  };
  // The longest token that `text`, not empty, begins with. end: up to where memory may be read.
  Token longest(std::string_view text, const char* end) const;

 private:
  // The tokens that begin with the same three bytes.
  struct Head {
    std::uint32_t bytes = kNoBytes;
    std::uint32_t sizes = 0;   // bit n: a token of n bytes; kLongBit: one above kMaxWordBytes
    std::uint32_t follow = 0;  // a bit for what bytes 3 to 5 are in tokens of six bytes and more
    std::int32_t id = -1;      // of the token of just these bytes
  };
  static constexpr std::uint32_t kNoBytes = ~std::uint32_t{0};
  static constexpr std::size_t kHeadBytes = 3;
  static constexpr unsigned kLongBit = lookup::kMaxWordBytes + 1;
  static constexpr std::uint32_t kFollowed = ~std::uint32_t{0} << 2 * kHeadBytes;

  static std::uint32_t three_bytes(const char* at) {
    std::uint32_t bytes = 0;
    std::memcpy(&bytes, at, kHeadBytes);
    return bytes;
  }
  static std::uint32_t follow_bit(const char* head) {
    return 1u << (three_bytes(head + kHeadBytes) * 0x9E3779B1u >> 27);
  }
  // The place of these bytes, which may be free.
  const Head& head_of(std::uint32_t bytes) const {
    std::size_t place = bytes * 0x9E3779B1u >> 8;
    for (;; ++place) {
      const Head& head = heads_[place & (heads_.size() - 1)];
      if (head.bytes == bytes || head.bytes == kNoBytes) return head;
    }
  }
  Head& head_of(std::uint32_t bytes) {
    return const_cast<Head&>(std::as_const(*this).head_of(bytes));
  }
  void add(std::string_view token, std::int32_t id);
  void add_long(std::string_view token);
  Token longest_long(std::string_view text, const char* end) const;

  const MergeRules& rules_;
  LargeVector<Head> heads_;  // a power of two, at most half full
  std::size_t head_count_ = 0;
  lookup::TokenTable long_heads_;                // the first kMaxWordBytes bytes to...
  std::vector<std::vector<std::size_t>> longs_;  // ...the sizes of tokens, the largest first
};

}  // namespace stemma::bpe
