// The merges of a vocabulary as hash tables: which two neighbouring tokens merge, and with which
// rank. It also encodes by the definition, merge after merge. Private to text/.
//
//   MergeRules rules(vocabulary);
//   rules.rank({262, 995, " the world"}, end);   // kNoRank: these two never merge
//
// Lower ranks merge first, of equal ranks the leftmost (Sennrich et al. 2016, section 3.2). Under
// the rule of GPT-2 the rank belongs to a pair of tokens; under tiktoken's rule it is the id of the
// token that the bytes of both make.
//
// The object keeps no reference to the vocabulary. Immutable: any thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "text/bpe/bpe_vocabulary.h"
#include "text/lookup/pair_map.h"
#include "text/lookup/token_table.h"
#include "text/lookup/word_key.h"

namespace stemma::bpe {

// Two tokens that follow each other in a text.
struct Neighbours {
  std::int32_t left = 0, right = 0;
  std::string_view bytes;  // of both
};

class MergeRules {
 public:
  static constexpr std::int32_t kNoRank = 0x7FFFFFFF;

  explicit MergeRules(const BpeVocabulary& vocabulary);

  // The token with these bytes, -1 where there is none. Special tokens are left out.
  // `end`, here and below: memory may be read up to here.
  std::int32_t find(std::string_view bytes, const char* end) const {
    return tokens_.find(bytes, end);
  }
  std::int32_t find(const lookup::WordKey& word) const { return tokens_.find(word); }
  // kNoRank where the two do not merge.
  std::int32_t rank(const Neighbours& pair, const char* end) const {
    return by_tokens_ ? rank_of_token(find(pair.bytes, end)) : rank_of_pair(pair.left, pair.right);
  }

  // -1 where the two bytes do not merge.
  std::int32_t id_of_two(const char* bytes) const {
    const std::int32_t rank = rank_of_two_[two_bytes(bytes)];
    return rank == kNoRank ? -1 : result(rank);
  }

  // Appends the ids of `piece`, merge by merge with a priority queue: O(n log n) time and about 50
  // bytes of memory for each byte. Throws invalid_argument from 2 GiB on.
  void merge(std::string_view piece, std::vector<std::int32_t>& ids) const;
  // The same for a word. Writes to `ids`, which must have room for kMaxWordBytes ids, and returns
  // the number of ids.
  std::size_t merge_word(const lookup::WordKey& word, std::int32_t* ids) const;

  // Whether a piece that is a token is that token, whatever its merges make.
  bool keeps_whole_pieces() const { return by_tokens_ || whole_pieces_; }
  std::int32_t id_of_byte(char byte) const { return id_of_byte_[static_cast<unsigned char>(byte)]; }
  std::size_t size_of(std::int32_t id) const { return size_of_id_[static_cast<std::size_t>(id)]; }

 private:
  static std::size_t two_bytes(const char* bytes) {
    return std::size_t{static_cast<unsigned char>(bytes[0])} |
           std::size_t{static_cast<unsigned char>(bytes[1])} << 8;
  }
  std::int32_t result(std::int32_t rank) const {
    return by_tokens_ ? rank : result_of_rank_[static_cast<std::size_t>(rank)];
  }

  static std::int32_t rank_of_token(std::int32_t id) { return id < 0 ? kNoRank : id; }
  std::int32_t rank_of_pair(std::int32_t left, std::int32_t right) const {
    const std::int32_t* found = ranks_.find(lookup::pair_key(left, right));
    return found == nullptr ? kNoRank : *found;
  }

  bool by_tokens_ = false, whole_pieces_ = false;
  std::array<std::int32_t, 256> id_of_byte_{};  // -1: no token
  std::vector<std::uint32_t> size_of_id_;
  lookup::TokenTable tokens_;
  std::vector<std::int32_t> rank_of_two_;  // of two bytes, by both bytes
  // Without by_tokens_:
  lookup::PairMap<std::int32_t> ranks_;
  std::vector<std::int32_t> result_of_rank_;
};

}  // namespace stemma::bpe
