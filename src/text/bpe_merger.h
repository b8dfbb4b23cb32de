// Byte-pair encoding of one piece: the pair with the lowest rank merges first, of equal pairs the
// leftmost, until no pair is left that merges (Sennrich et al. 2016, section 3.2; GPT-2's encoder).
//
//   BpeMerger merger(vocabulary);
//   merger.encode(" world", ids);        // appends 995
//
// O(n²) up to a few dozen bytes, where it is fastest, and O(n log n) with about 30 bytes of memory
// a byte above. Immutable: any thread.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include "text/bpe_vocabulary.h"
#include "text/pair_map.h"

namespace stemma {

class BpeMerger {
 public:
  // Keeps nothing of `vocabulary`.
  explicit BpeMerger(const BpeVocabulary& vocabulary);

  // Appends the ids of `piece`. Throws invalid_argument for a piece of 2^31 bytes or more.
  void encode(std::string_view piece, std::vector<std::int32_t>& ids) const;

 private:
  // The rank of a pair, kNoRank where it does not merge.
  std::uint32_t rank_of(std::int32_t left, std::int32_t right) const {
    const std::uint32_t* rank = ranks_.find(pair_key(left, right));
    return rank == nullptr ? kNoRank : *rank;
  }
  void encode_short(std::string_view piece, std::vector<std::int32_t>& ids) const;
  void encode_long(std::string_view piece, std::vector<std::int32_t>& ids) const;

  static constexpr std::uint32_t kNoRank = ~std::uint32_t{0};

  std::array<std::int32_t, 256> id_of_byte_{};
  PairMap<std::uint32_t> ranks_;
  std::vector<std::int32_t> result_of_rank_;
};

}  // namespace stemma
