// Longest-prefix match: the tokens with which a text begins, the longest first. It does the work of
// a trie with a few hash lookups. Private to text/.
//
//   TokenPrefixes prefixes(vocabulary, rules);
//   prefixes.longest(" worlds", end);     // {995, 6}: " world"
//   prefixes.longest(" worl", end);       // the next shorter one, and so on; the last is one byte
//
// A hash table maps the first three bytes of a token to a bit set of the lengths that such tokens
// have; only these lengths are looked up in the table of all tokens. A trie would follow a pointer
// for each byte instead.
//
// The object refers to the rules. Immutable: any thread.
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
  // The longest token that is a prefix of `text`, which is not empty. `end`: memory may be read up
  // to here.
  Token longest(std::string_view text, const char* end) const;

 private:
  // An entry of the hash table: what is known of the tokens that begin with the same three bytes.
  struct Head {
    std::uint32_t bytes = kNoBytes;
    std::uint32_t sizes = 0;   // bit n: there is a token of n bytes; kLongBit: of more bytes
    std::uint32_t follow = 0;  // a Bloom filter of 32 bits over the next three bytes of the tokens
    std::int32_t id = -1;      // of the token that is just these three bytes
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
  // The entry of these bytes, or the free entry where it belongs. Open addressing, linear probing.
  const Head& head_of(std::uint32_t bytes) const {
    std::size_t slot = bytes * 0x9E3779B1u >> 8;
    for (;; ++slot) {
      const Head& head = heads_[slot & (heads_.size() - 1)];
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
  // Tokens above kMaxWordBytes: their first kMaxWordBytes bytes give an index into longs_, which
  // has the sizes of the tokens that begin with them, the largest first.
  lookup::TokenTable long_heads_;
  std::vector<std::vector<std::size_t>> longs_;
};

}  // namespace stemma::bpe
