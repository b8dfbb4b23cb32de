// The tokens that a text begins with, longest first. Private to text/.
//
//   TokenPrefixes prefixes(vocabulary, rules);
//   prefixes.longest(" worlds", end);     // {995, 6}: " world"
//   prefixes.longest(" worl", end);       // the next shorter one, and so on; at last a byte
//
// A table says which lengths the tokens have that begin with three given bytes (of some hash, so
// that it may name too many); only these are looked up. Refers to the rules. Immutable: any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <vector>

#include "text/bpe_vocabulary.h"
#include "text/merge_rules.h"
#include "text/word_key.h"

namespace stemma {

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
  static constexpr std::size_t kHead = 3;
  static constexpr unsigned kLongBit = kMaxWordBytes + 1;

  static std::size_t place_of(const char* head) {
    std::uint32_t bytes = 0;
    std::memcpy(&bytes, head, kHead);
    return bytes * 0x9E3779B1u >> 16;
  }
  Token longest_long(std::string_view text, const char* end) const;

  const MergeRules& rules_;
  // Bit n: a token of n bytes begins so; kLongBit: one of more than kMaxWordBytes.
  std::vector<std::uint32_t> sizes_of_;
  TokenTable long_heads_;                        // the first kMaxWordBytes bytes to...
  std::vector<std::vector<std::size_t>> longs_;  // ...the sizes of tokens, the largest first
};

}  // namespace stemma
