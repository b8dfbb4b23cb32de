// A Bloom filter that tells whether a merge of byte-pair encoding may ever cross a position in a
// text. Where the answer is no, the encoder may treat both sides as separate texts. Private to
// text/.
//
//   BoundaryFilter filter;
//   filter.add(" the");                      // for every token of the vocabulary
//   filter.may_cross(2, 4, "of the" + 2);    // false: no token has "f " inside
//
// A merge that crosses a position makes a token that has this position inside it. So the filter
// stores, for every position inside every token, the bytes around it: up to three on either side,
// fewer where the token ends. A query looks up all combinations of one to three bytes on either
// side. As in every Bloom filter, "may cross" can be wrong and "cannot cross" is always right
// (docs/tokenizer-proofs.md, "Cutting a piece into parts").
//
// It is a blocked filter with one hash function: the two bytes at the position select a block of
// 256 bits, the hash selects a bit in it. Text in one script therefore reads few cache lines.
//
// Several threads may read a filter at once; a writer needs it alone.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/large_pages.h"

namespace stemma::bpe {

class BoundaryFilter {
 public:
  BoundaryFilter() : blocks_(1 << 16) {}

  void add(std::string_view token) {
    for (std::size_t cut = 1; cut < token.size(); ++cut) {
      const char* position = token.data() + cut;
      const unsigned bit = bit_of(left_of(position, cut), right_of(position, token.size() - cut));
      blocks_[block_of(position)][bit / 64] |= std::uint64_t{1} << bit % 64;
    }
  }

  // `position` points to the byte after the boundary. left_size, right_size: the number of bytes on
  // either side of it, at least one each.
  bool may_cross(std::size_t left_size, std::size_t right_size, const char* position) const {
    const Block& block = blocks_[block_of(position)];
    for (std::size_t left = 1; left <= std::min(left_size, kContextBytes); ++left) {
      const std::uint32_t left_bytes = left_of(position, left);
      for (std::size_t right = 1; right <= std::min(right_size, kContextBytes); ++right) {
        const unsigned bit = bit_of(left_bytes, right_of(position, right));
        if ((block[bit / 64] >> bit % 64 & 1) != 0) return true;
      }
    }
    return false;
  }

 private:
  using Block = std::array<std::uint64_t, 4>;      // 256 bits
  static constexpr std::size_t kContextBytes = 3;  // on either side

  static unsigned byte(const char* at) { return static_cast<unsigned char>(*at); }
  static std::size_t block_of(const char* position) {
    return std::size_t{byte(position - 1)} << 8 | byte(position);
  }
  // The number of context bytes on the left, and those bytes, without the one next to the position:
  // that one is part of the block's index.
  static std::uint32_t left_of(const char* position, std::size_t size) {
    if (size == 1) return 1;
    return size == 2 ? 2 + (byte(position - 2) << 8)
                     : 3 + (byte(position - 2) << 8) + (byte(position - 3) << 16);
  }
  // The same on the right.
  static std::uint32_t right_of(const char* position, std::size_t size) {
    if (size == 1) return 1;
    return size == 2 ? 2 + (byte(position + 1) << 8)
                     : 3 + (byte(position + 1) << 8) + (byte(position + 2) << 16);
  }
  static unsigned bit_of(std::uint32_t left, std::uint32_t right) {
    const std::uint64_t key = std::uint64_t{left} << 32 | right;
    return static_cast<unsigned>(key * 0x9E3779B97F4A7C15u >> 56);
  }

  LargeVector<Block> blocks_;  // by the two bytes at a position
};

}  // namespace stemma::bpe
