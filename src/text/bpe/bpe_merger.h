// Byte-pair encoding of one piece: the pair with the lowest rank merges first, of equal pairs the
// leftmost, until no pair is left that merges (Sennrich et al. 2016, section 3.2; GPT-2's encoder).
//
//   BpeMerger merger(vocabulary);
//   BpeMerger::Memory memory;
//   merger.encode(" world", ids, memory);        // appends 995
//
// The merges themselves are not made. The encoding is the one sequence of tokens in which every two
// neighbours are what their own bytes encode to (docs/decisions.md has the proof), and that
// sequence is searched for: from left to right, the longest token first, and back where none fits.
// A place that was given up is never entered again, so time is linear in the piece, whatever it is
// (and for each place in the number of sizes that tokens with these first bytes have).
//
// Any thread, each with its own memory. Which tokens may follow each other they share: 512 KiB, one
// place a hash value, the newest wins.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "text/bpe/boundary_filter.h"
#include "text/bpe/bpe_vocabulary.h"
#include "text/bpe/merge_rules.h"
#include "text/bpe/token_prefixes.h"
#include "text/bpe/token_trees.h"

namespace stemma::bpe {

class BpeMerger {
 public:
  // The places that were given up: a bit for each byte of a piece that is searched backwards.
  class Memory {
    friend BpeMerger;

    void give_up(std::size_t place, std::size_t piece_size) {
      if (!has_given_up_) given_up_.assign(piece_size / 64 + 1, 0);
      has_given_up_ = true;
      given_up_[place / 64] |= std::uint64_t{1} << place % 64;
    }
    bool gave_up(std::size_t place) const {
      return has_given_up_ && (given_up_[place / 64] >> place % 64 & 1) != 0;
    }

    std::vector<std::uint64_t> given_up_;
    bool has_given_up_ = false;
  };

  // Keeps nothing of `vocabulary`.
  explicit BpeMerger(const BpeVocabulary& vocabulary);
  BpeMerger(const BpeMerger&) = delete;  // the parts refer to each other
  BpeMerger& operator=(const BpeMerger&) = delete;

  // Where the part of `piece` from `begin` on ends that is encoded by itself: no merge leaves it.
  std::size_t part_end(std::string_view piece, std::size_t begin) const;
  // Appends the ids of `piece`, of any length. end: up to where memory may be read.
  void encode(std::string_view piece, std::vector<std::int32_t>& ids, Memory& memory,
              const char* end) const;
  void encode(std::string_view piece, std::vector<std::int32_t>& ids) const {
    Memory memory;
    encode(piece, ids, memory, piece.data() + piece.size());
  }
  // The same for a part: that it is a token is nothing special, its merges must make it.
  void encode_part(std::string_view part, std::vector<std::int32_t>& ids, Memory& memory,
                   const char* end) const {
    search(part, ids, memory, end);
  }
  // The same for short pieces and parts, faster: the ids go to `ids`, where there is room for
  // kMaxWordBytes; returns how many they are.
  std::size_t encode_word(const lookup::WordKey& word, std::int32_t* ids) const;
  std::size_t encode_part(const lookup::WordKey& part, std::int32_t* ids) const {
    return rules_.merge_word(part, ids);
  }

 private:
  bool is_whole(std::int32_t id, std::string_view piece, const char* end) const {
    return rules_.keeps_whole_pieces() || trees_.is_own_encoding(id, piece, end);
  }
  bool may_follow(const Neighbours& pair, std::size_t left_size, const char* end) const;
  void search(std::string_view piece, std::vector<std::int32_t>& ids, Memory& memory,
              const char* end) const;

  MergeRules rules_;
  TokenTrees trees_;
  TokenPrefixes prefixes_;
  BoundaryFilter filter_;
  mutable std::vector<std::atomic<std::uint64_t>> pairs_;  // two ids, in the lowest bit the answer
};

}  // namespace stemma::bpe
