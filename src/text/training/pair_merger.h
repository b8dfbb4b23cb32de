// The merge loop of BPE training: it finds the most frequent pair of neighbouring tokens and merges
// it in all words, while the counts of all pairs stay exact. Private to text/.
//
//   PairMerger merger;
//   merger.add_word("the", 1200);
//   merger.start(min_frequency);
//   while (auto best = merger.best_pair()) merger.merge(*best, new_id);
//
// Three structures: an inverted index from each pair to the words that contain it; a hash table
// from each pair to its count; and a binary heap of pairs by count with lazy deletion, where a
// stale count is corrected when it comes to the top.
//
// After a pair has become a new token, only pairs with that token are new, and the count of every
// other pair can only fall. Three things follow. A pair below min_frequency can be forgotten at
// once. The index of a pair is written once, when the pair appears. A stale count in the heap is
// never too low. Within one merge, changes are summed up by neighbouring token in arrays first, so
// the hash table is asked once for each pair and not once for each word.
//
// The ids of bytes are those of byte_alphabet_order(); new ids follow in ascending order. Memory:
// 12 bytes for each word, 4 for each of its bytes, and 4 to 12 for each entry of the index. One
// thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "text/lookup/pair_map.h"

namespace stemma::bpe_training {

class PairMerger {
 public:
  struct Pair {
    std::int32_t left = 0, right = 0;
  };

  PairMerger();

  // Reserves memory for this many words with this many bytes in all.
  void reserve(std::uint64_t words, std::uint64_t bytes);
  // Throws out_of_memory when all words together would take more than 16 GiB.
  void add_word(std::string_view bytes, std::uint64_t count);
  // Counts all pairs; after the last add_word(). min_frequency 0 means 1.
  void start(std::uint64_t min_frequency);
  // Removes the most frequent pair from the heap and returns it, of equally frequent pairs the
  // lowest. Returns nothing when no pair is left that occurs min_frequency times.
  std::optional<Pair> best_pair();
  // Replaces the pair that best_pair() gave last by `id` in all words.
  void merge(const Pair& pair, std::int32_t id);

 private:
  // A word in words_ is its count (low half, high half), its size, then its symbols. Words are
  // referred to by their offset in words_.
  static constexpr std::uint32_t kHead = 3;

  struct PairState {
    std::uint64_t count = 0;
    std::uint64_t places_begin = 0;  // the words with the pair: a range of places_
    std::uint32_t places = 0;
  };
  struct Candidate {
    std::uint64_t count = 0, pair = 0;
    // The order of the heap: the higher count comes first, then the lower pair.
    bool operator<(const Candidate& other) const {
      return count != other.count ? count < other.count : pair > other.pair;
    }
  };
  // What the current merge changes about one pair.
  struct Change {
    std::uint64_t pair = 0, count = 0;
    std::uint32_t places = 0, last_word = 0;
    std::uint64_t places_begin = 0;
  };
  // The pairs of one kind that the current merge changes. One token of all of them is the same, so
  // they are found by the other one, with an array instead of a hash table.
  class Changes {
   public:
    Change& at(std::int32_t neighbour, std::uint64_t pair);
    std::span<Change> all() { return changes_; }
    std::uint32_t index_of(const Change& change) const {
      return static_cast<std::uint32_t>(&change - changes_.data());
    }
    void clear();

   private:
    std::vector<std::uint32_t> index_;  // by neighbour: 1 + its index in changes_, or 0
    std::vector<std::int32_t> neighbours_;
    std::vector<Change> changes_;
  };
  struct Place {
    std::uint32_t change, word;
  };

  std::uint64_t count_of(std::uint32_t word) const {
    return words_[word] | std::uint64_t{words_[word + 1]} << 32;
  }
  void merge_in_word(const Pair& pair, std::int32_t id, std::uint32_t word);
  void gain(Changes& changes, std::vector<Place>& places, std::int32_t neighbour,
            std::uint64_t pair, std::uint32_t word);
  void lose(Changes& changes, std::int32_t neighbour, std::uint64_t pair, std::uint64_t count);
  void apply_losses(Changes& changes, std::uint64_t merged);
  void apply_gains(Changes& changes, std::vector<Place>& places);

  std::vector<std::uint32_t> id_of_byte_;
  std::vector<std::uint32_t> words_;
  std::vector<std::uint32_t>
      places_;                        // the inverted index: the words of each pair, list after list
  lookup::PairMap<PairState> pairs_;  // those that were frequent enough when they came into being
  std::vector<Candidate> queue_;      // a heap; counts may be stale
  std::uint64_t min_frequency_ = 1;

  // What the current merge of (left, right) to id changes. Gained are the pairs (x, id), found by
  // x, and (id, y), found by y; lost are the pairs (x, left), found by x, and (right, y), found by
  // y.
  Changes gained_left_, gained_right_, lost_left_, lost_right_;
  std::vector<Place> places_left_, places_right_;
};

}  // namespace stemma::bpe_training
