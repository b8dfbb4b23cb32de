// Encodes one word by GPT-1's byte-pair encoding of characters (Sennrich et al. 2016, section 3.2).
// The word starts as its characters, the last one with the mark "</w>". In each step the pair of
// the lowest rank is merged everywhere in the word, from left to right, until no pair merges.
//
//   WordMerger merger(vocabulary);
//   merger.merge("bachelorette", ids);            // 40476
//
// Words of up to 40 characters are merged in a small array, longer ones with an ordered map from
// rank to positions, in n log n time for n characters. Immutable: any thread. No errors.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "text/gpt1/gpt1_vocabulary.h"
#include "text/lookup/pair_map.h"

namespace stemma::gpt1 {

class WordMerger {
 public:
  explicit WordMerger(const Gpt1Vocabulary& vocabulary);

  // Appends the ids of `word`, which is not empty; an invalid byte is a character without a token.
  void merge(std::string_view word, std::vector<std::int32_t>& ids) const;

 private:
  struct Merge {
    std::int32_t rank = 0, result = 0;
  };
  // The tokens of a character within a word and at its end.
  struct Symbols {
    std::int32_t inner = -1, last = -1;
  };
  // Null where the pair does not merge.
  const Merge* merge_of(std::int32_t left, std::int32_t right) const {
    return left < 0 || right < 0 ? nullptr : merges_.find(lookup::pair_key(left, right));
  }
  void append_symbols(std::string_view word, std::vector<std::int32_t>& symbols) const;
  std::size_t merge_short(std::span<std::int32_t> symbols) const;
  std::size_t merge_long(std::span<std::int32_t> symbols) const;

  std::unordered_map<char32_t, Symbols> symbols_;
  lookup::PairMap<Merge> merges_;
  std::int32_t unknown_;
};

}  // namespace stemma::gpt1
