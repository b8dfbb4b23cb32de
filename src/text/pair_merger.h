// The inner part of BPE training: words as token ids with their counts, and merges applied to them
// with the pair counts kept up to date (as Hugging Face `tokenizers` does it; bpe_trainer.h).
//
//   PairMerger merger;
//   merger.add_word("the", 1200);
//   merger.start();
//   while (auto best = merger.best_pair(min_frequency)) merger.merge(*best, new_id);
//
// Ids of bytes are those of byte_alphabet_order(). One thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "text/pair_map.h"

namespace stemma {

class PairMerger {
 public:
  struct Pair {
    std::int32_t left = 0, right = 0;
    std::size_t place = 0;  // of the list of its words
  };

  PairMerger();

  void add_word(std::string_view bytes, std::uint64_t count);
  // Counts all pairs; after the last add_word().
  void start();
  // Takes the most frequent pair; nothing when its count is below `min_frequency` or 1.
  std::optional<Pair> best_pair(std::uint64_t min_frequency);
  // Replaces the pair by `id` in the words that it was found in.
  void merge(const Pair& pair, std::int32_t id);

 private:
  struct Word {
    std::size_t begin = 0;    // in symbols_
    std::uint32_t size = 0;   // shrinks with every merge
    std::uint64_t count = 0;  // in the corpus
  };
  struct PairState {
    std::int64_t count = 0;
    std::int64_t fresh = -1;  // place of the list that the current round fills, or none
  };
  struct Candidate {
    std::uint64_t count;
    std::uint64_t pair;
    std::size_t place;
    // Lower in the queue.
    bool operator<(const Candidate& other) const;
  };

  void merge_in_word(const Pair& pair, std::int32_t id, std::uint32_t word);
  // A pair that comes into being in a word.
  void add_pair(std::uint64_t pair, std::uint32_t word);
  void remove_pair(std::uint64_t pair, std::uint32_t word);
  // Puts the pairs that came into being into the queue.
  void queue_fresh();

  std::vector<std::int32_t> id_of_byte_;
  std::vector<std::int32_t> symbols_;  // of all words
  std::vector<Word> words_;
  PairMap<PairState> pairs_;
  std::vector<std::vector<std::uint32_t>> places_;  // words with a pair, ascending
  std::vector<std::uint64_t> fresh_;                // pairs of the current round
  std::vector<Candidate> queue_;                    // a heap; counts may be stale
};

}  // namespace stemma
