// The inner part of BPE training: words as token ids with their counts, and merges applied to them
// with the pair counts kept up to date. Private to text/.
//
//   PairMerger merger;
//   merger.add_word("the", 1200);
//   merger.start(min_frequency);
//   while (auto best = merger.best_pair()) merger.merge(*best, new_id);
//
// A merge to a new id makes pairs with that id and takes from pairs without it, so after it the
// counts of all pairs can only fall. Three things follow: a pair below min_frequency is forgotten
// at once, the words with a pair are listed once, and the queue puts stale counts right when they
// come up. What happens to the neighbours of the new id is added up by neighbour first, in arrays,
// so the table of pairs is asked once for a pair and merge, not once for a word.
//
// Ids of bytes are those of byte_alphabet_order(); new ids go on from there, ascending. Memory: for
// each word 12 bytes and 4 for each of its bytes, 4 to 12 for each place of a pair that is frequent
// enough. One thread.
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

  // Makes room for words of so many bytes in all.
  void reserve(std::uint64_t words, std::uint64_t bytes);
  // Throws out_of_memory when all words together would take more than 16 GiB.
  void add_word(std::string_view bytes, std::uint64_t count);
  // Counts all pairs; after the last add_word(). min_frequency 0 means 1.
  void start(std::uint64_t min_frequency);
  // Takes the most frequent pair, of equally frequent ones the lowest; nothing when none is left
  // that occurs min_frequency times.
  std::optional<Pair> best_pair();
  // Replaces the pair that best_pair() gave last by `id` in all words.
  void merge(const Pair& pair, std::int32_t id);

 private:
  // A word lies in words_: its count (low half, high half), its size, then its symbols. Its number
  // is where it begins.
  static constexpr std::uint32_t kHead = 3;

  struct PairState {
    std::uint64_t count = 0;
    std::uint64_t places_begin = 0;  // in places_
    std::uint32_t places = 0;
  };
  struct Candidate {
    std::uint64_t count = 0, pair = 0;
    // Lower in the queue.
    bool operator<(const Candidate& other) const {
      return count != other.count ? count < other.count : pair > other.pair;
    }
  };
  // What a merge does to one pair.
  struct Change {
    std::uint64_t pair = 0, count = 0;
    std::uint32_t places = 0, last_word = 0;
    std::uint64_t places_begin = 0;
  };
  // The pairs that a merge changes, one side of them known: found by the other side.
  class Changes {
   public:
    Change& at(std::int32_t neighbour, std::uint64_t pair);
    std::span<Change> all() { return changes_; }
    std::uint32_t index_of(const Change& change) const {
      return static_cast<std::uint32_t>(&change - changes_.data());
    }
    void clear();

   private:
    std::vector<std::uint32_t> index_;  // by neighbour: 1 + its place in changes_, or 0
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
  std::vector<std::uint32_t> places_;  // words with a pair, one list after the other
  lookup::PairMap<PairState> pairs_;   // those that were frequent enough when they came into being
  std::vector<Candidate> queue_;       // a heap; counts may be stale
  std::uint64_t min_frequency_ = 1;

  // Of the current merge of (left, right) to id: (x, id) by x, (id, y) by y, (x, left) by x,
  // (right, y) by y.
  Changes gained_left_, gained_right_, lost_left_, lost_right_;
  std::vector<Place> places_left_, places_right_;
};

}  // namespace stemma::bpe_training
