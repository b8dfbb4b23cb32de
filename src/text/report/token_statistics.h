// Statistics of how a tokenizer encodes a text: bytes per token, tokens per word (fertility), the
// most frequent and the longest tokens, and the tokens that were never used.
//
//   std::vector<std::int32_t> ids;
//   tokenizer->encode(text, ids);
//   const TokenStatistics s = token_statistics(*tokenizer, text, ids);
//   s.bytes_per_token();   // 4.4 for English under cl100k_base
//   s.fertility();         // tokens per word: 1.3
//
// Pure function: any thread. Memory: a few bytes for each id of the vocabulary.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "text/tokenizer.h"

namespace stemma::report {

struct TokenFrequency {
  std::int32_t id;
  std::uint64_t count;
};

struct TokenStatistics {
  // A character is a valid UTF-8 sequence or a byte that is part of none; a word is a run of
  // characters that are not White_Space (what `wc -w` counts in a Unicode locale).
  std::uint64_t bytes = 0, characters = 0, invalid_bytes = 0, words = 0, tokens = 0;
  // The ids joined give the text again, byte for byte.
  bool exact = true;
  // Tokens that text can yield: special ones, and ids without a token, are left out.
  std::uint64_t vocabulary = 0, used = 0;
  std::vector<std::int32_t> unused;  // those of the vocabulary that the text has not, ascending
  std::vector<TokenFrequency> most_frequent;  // ties: the lower id first
  std::vector<TokenFrequency> longest;        // of the text's tokens by bytes; ties as above
  // How many of the text's tokens have 1, 2, ... bytes; the last counts that many and more.
  static constexpr std::size_t kLengths = 16;
  std::vector<std::uint64_t> lengths = std::vector<std::uint64_t>(kLengths);

  // 0 where there is nothing to divide by.
  double bytes_per_token() const { return ratio(bytes, tokens); }
  double characters_per_token() const { return ratio(characters, tokens); }
  double fertility() const { return ratio(tokens, words); }
  double share_used() const { return ratio(used, vocabulary); }

 private:
  static double ratio(std::uint64_t a, std::uint64_t b) {
    return b == 0 ? 0 : static_cast<double>(a) / static_cast<double>(b);
  }
};

// `ids`: what the tokenizer made of `text`. At most `listed` entries in most_frequent and longest.
// Throws as Tokenizer::bytes_of() for ids that are not the tokenizer's.
TokenStatistics token_statistics(const Tokenizer& tokenizer, std::string_view text,
                                 std::span<const std::int32_t> ids, std::size_t listed = 20);

}  // namespace stemma::report
