// Byte-pair encoding of one piece: the pair with the lowest rank merges first, of equal pairs the
// leftmost, until no pair is left that merges (Sennrich et al. 2016, section 3.2; GPT-2's encoder).
//
//   BpeMerger merger(vocabulary);
//   merger.encode(" world", ids);        // appends 995
//
// Pieces up to kWindowBytes are merged at once, in passes over an array. A longer one is encoded
// through windows of that size that overlap by one token: where each begins with the token that the
// one before it ended with, every two neighbours are what their own bytes encode to, and a sequence
// of which that is true is the encoding of the whole (docs/decisions.md has the proof). A window
// that begins otherwise is taken again from further left, twice as large; one that ends within its
// first token is taken again twice as large. So where what follows a token changes only tokens
// nearby, time is linear in the piece and memory does not grow with it.
//
// Immutable: any thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "text/bpe_vocabulary.h"
#include "text/pair_map.h"
#include "text/token_table.h"

namespace stemma {

class BpeMerger {
 public:
  static constexpr std::size_t kWindowBytes = 128;     // of the first window
  static constexpr std::size_t kMaxPassedBytes = 512;  // of the largest that is merged in passes

  // Keeps nothing of `vocabulary`.
  explicit BpeMerger(const BpeVocabulary& vocabulary);

  // Appends the ids of `piece`, of any length. end: up to where memory may be read.
  void encode(std::string_view piece, std::vector<std::int32_t>& ids, const char* end) const;
  void encode(std::string_view piece, std::vector<std::int32_t>& ids) const {
    encode(piece, ids, piece.data() + piece.size());
  }
  std::int32_t id_of_byte(char byte) const { return id_of_byte_[static_cast<unsigned char>(byte)]; }

 private:
  // How the merge of two neighbours is found: by their ids, or by the bytes that they join to.
  struct ByPairs;
  struct ByTokens;
  static constexpr std::int32_t kNoRank = 0x7FFFFFFF;

  // Merges without a look at whole pieces.
  void merge(std::string_view piece, std::vector<std::int32_t>& ids) const;
  void merge_in_windows(std::string_view piece, std::vector<std::int32_t>& ids) const;
  void merge_at_once(std::string_view window, std::vector<std::int32_t>& ids) const;
  // piece: at most kMaxPassedBytes; returns how many ids it wrote.
  template <class Merges>
  std::size_t merge_window(std::string_view piece, std::int32_t* ids) const;
  // For windows that had to grow further: O(n log n), about 50 bytes of memory a byte.
  template <class Merges>
  void merge_by_queue(std::string_view piece, std::vector<std::int32_t>& ids) const;

  bool by_tokens_ = false;
  std::array<std::int32_t, 256> id_of_byte_{};
  std::vector<std::uint32_t> size_of_id_;
  TokenTable whole_;  // the tokens that a piece of just their bytes encodes to
  // Without by_tokens_:
  PairMap<std::int32_t> ranks_;
  std::vector<std::int32_t> result_of_rank_;
};

}  // namespace stemma
