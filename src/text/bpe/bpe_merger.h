// Encodes one piece of text by byte-pair encoding: of all neighbouring pairs of tokens the one with
// the lowest rank merges first, of equal ranks the leftmost, until no pair merges (Sennrich et al.
// 2016, section 3.2; GPT-2's encoder).
//
//   BpeMerger merger(vocabulary);
//   BpeMerger::Scratch scratch;
//   merger.encode(" world", ids, scratch, end_of_text);        // appends 995
//
// Long pieces are not merged step by step. Their encoding is the only sequence of tokens in which
// every two neighbours are the encoding of their joint bytes (docs/tokenizer-proofs.md, "The
// encoding is determined by its neighbours"). A depth-first search finds that sequence: it takes
// the longest token that fits (token_prefixes.h) and steps back where no token fits. A position
// that failed is marked and never tried again, so the time is linear in the piece, whatever the
// piece is; at each position it grows with the number of lengths that tokens with these first bytes
// have. Merging would take n log n time and a priority queue.
//
// Whether two tokens may be neighbours is computed from their merge trees (token_trees.h) and kept
// in a direct-mapped cache of 2^16 entries, 512 KiB.
//
// Any number of threads may encode at once, each with its own scratch memory; they share the cache,
// whose entries are atomic.
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
  // A bit set of the dead ends of a search: positions of the piece from which it cannot be encoded
  // to its end. It stays empty for pieces that are encoded without stepping back, which are most.
  class Scratch {
    friend BpeMerger;

    void mark_dead_end(std::size_t position, std::size_t piece_size) {
      if (!has_dead_ends_) dead_ends_.assign(piece_size / 64 + 1, 0);
      has_dead_ends_ = true;
      dead_ends_[position / 64] |= std::uint64_t{1} << position % 64;
    }
    bool is_dead_end(std::size_t position) const {
      return has_dead_ends_ && (dead_ends_[position / 64] >> position % 64 & 1) != 0;
    }

    std::vector<std::uint64_t> dead_ends_;
    bool has_dead_ends_ = false;
  };

  // Keeps nothing of `vocabulary`.
  explicit BpeMerger(const BpeVocabulary& vocabulary);
  BpeMerger(const BpeMerger&) = delete;  // the parts refer to each other
  BpeMerger& operator=(const BpeMerger&) = delete;

  // The end of the part of `piece` that begins at `begin` and is encoded by itself, because no
  // merge can cross its ends (boundary_filter.h).
  std::size_t part_end(std::string_view piece, std::size_t begin) const;
  // Appends the ids of `piece`, of any length. `end`, here and below: memory may be read up to
  // here.
  void encode(std::string_view piece, std::vector<std::int32_t>& ids, Scratch& scratch,
              const char* end) const;
  void encode(std::string_view piece, std::vector<std::int32_t>& ids) const {
    Scratch scratch;
    encode(piece, ids, scratch, piece.data() + piece.size());
  }
  // Appends the ids of a part. Unlike a whole piece, a part that is a token is that token only if
  // its merges make it.
  void encode_part(std::string_view part, std::vector<std::int32_t>& ids, Scratch& scratch,
                   const char* end) const {
    search(part, ids, scratch, end);
  }
  // The same for short pieces and parts, faster. They write to `ids`, which must have room for
  // kMaxWordBytes ids, and return the number of ids.
  std::size_t encode_word(const lookup::WordKey& word, std::int32_t* ids) const;
  std::size_t encode_part(const lookup::WordKey& part, std::int32_t* ids) const {
    return rules_.merge_word(part, ids);
  }

 private:
  bool is_whole(std::int32_t id, std::string_view piece, const char* end) const {
    return rules_.keeps_whole_pieces() || trees_.is_own_encoding(id, piece, end);
  }
  bool may_follow(const Neighbours& pair, std::size_t left_size, const char* end) const;
  void search(std::string_view piece, std::vector<std::int32_t>& ids, Scratch& scratch,
              const char* end) const;

  MergeRules rules_;
  TokenTrees trees_;
  TokenPrefixes prefixes_;
  BoundaryFilter filter_;
  // A direct-mapped cache of may_follow(): two ids, and the answer in the lowest bit.
  mutable std::vector<std::atomic<std::uint64_t>> known_pairs_;
};

}  // namespace stemma::bpe
