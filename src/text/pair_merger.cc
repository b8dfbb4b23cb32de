#include "text/pair_merger.h"

#include <algorithm>
#include <limits>

#include <fmt/format.h>

#include "base/error.h"
#include "text/byte_alphabet.h"

namespace stemma {

bool PairMerger::Candidate::operator<(const Candidate& other) const {
  if (count != other.count) return count < other.count;
  if (pair != other.pair) return pair > other.pair;
  return place > other.place;
}

PairMerger::PairMerger() : id_of_byte_(256) {
  std::int32_t id = 0;
  for (const std::uint8_t byte : byte_alphabet_order()) id_of_byte_[byte] = id++;
}

void PairMerger::add_word(std::string_view bytes, std::uint64_t count) {
  constexpr std::size_t kMost = std::numeric_limits<std::uint32_t>::max();
  if (bytes.size() > kMost || words_.size() == kMost)
    throw Error(
        ErrorCode::invalid_argument,
        fmt::format("[bpe_trainer] a piece of {} bytes after {} distinct ones; at most 2^32 "
                    "of both fit",
                    bytes.size(), words_.size()));
  words_.push_back({symbols_.size(), static_cast<std::uint32_t>(bytes.size()), count});
  for (const char byte : bytes) symbols_.push_back(id_of_byte_[static_cast<unsigned char>(byte)]);
}

void PairMerger::start() {
  for (std::uint32_t word = 0; word < words_.size(); ++word) {
    const std::int32_t* symbols = symbols_.data() + words_[word].begin;
    for (std::uint32_t i = 1; i < words_[word].size; ++i)
      add_pair(pair_key(symbols[i - 1], symbols[i]), word);
  }
  queue_fresh();
}

void PairMerger::add_pair(std::uint64_t pair, std::uint32_t word) {
  PairState& state = pairs_[pair];
  state.count += static_cast<std::int64_t>(words_[word].count);
  if (state.fresh < 0) {
    state.fresh = static_cast<std::int64_t>(places_.size());
    places_.emplace_back();
    fresh_.push_back(pair);
  }
  std::vector<std::uint32_t>& places = places_[static_cast<std::size_t>(state.fresh)];
  if (places.empty() || places.back() != word) places.push_back(word);
}

void PairMerger::remove_pair(std::uint64_t pair, std::uint32_t word) {
  pairs_[pair].count -= static_cast<std::int64_t>(words_[word].count);
}

void PairMerger::queue_fresh() {
  for (const std::uint64_t pair : fresh_) {
    PairState& state = pairs_[pair];
    if (state.count > 0) {
      queue_.push_back(
          {static_cast<std::uint64_t>(state.count), pair, static_cast<std::size_t>(state.fresh)});
      std::ranges::push_heap(queue_, std::less<>());
    }
    state.fresh = -1;
  }
  fresh_.clear();
}

std::optional<PairMerger::Pair> PairMerger::best_pair(std::uint64_t min_frequency) {
  while (!queue_.empty()) {
    std::ranges::pop_heap(queue_, std::less<>());
    Candidate best = queue_.back();
    queue_.pop_back();
    const std::int64_t count = pairs_[best.pair].count;
    if (count != static_cast<std::int64_t>(best.count)) {
      if (count <= 0) continue;
      best.count = static_cast<std::uint64_t>(count);
      queue_.push_back(best);
      std::ranges::push_heap(queue_, std::less<>());
      continue;
    }
    if (best.count < std::max<std::uint64_t>(min_frequency, 1)) return std::nullopt;
    return Pair{static_cast<std::int32_t>(best.pair >> 32),
                static_cast<std::int32_t>(best.pair & 0xFFFFFFFFu), best.place};
  }
  return std::nullopt;
}

void PairMerger::merge(const Pair& pair, std::int32_t id) {
  const std::vector<std::uint32_t> words = std::exchange(places_[pair.place], {});
  for (const std::uint32_t word : words) merge_in_word(pair, id, word);
  queue_fresh();
}

// From left to right and in place. The pair's own count stays: no word holds it any more.
void PairMerger::merge_in_word(const Pair& pair, std::int32_t id, std::uint32_t word) {
  std::int32_t* const symbols = symbols_.data() + words_[word].begin;
  const std::uint32_t size = words_[word].size;
  std::uint32_t kept = 0;
  for (std::uint32_t i = 0; i < size; ++kept) {
    if (i + 1 == size || symbols[i] != pair.left || symbols[i + 1] != pair.right) {
      symbols[kept] = symbols[i++];
      continue;
    }
    if (kept > 0) {
      remove_pair(pair_key(symbols[kept - 1], pair.left), word);
      add_pair(pair_key(symbols[kept - 1], id), word);
    }
    if (i + 2 < size) {
      remove_pair(pair_key(pair.right, symbols[i + 2]), word);
      add_pair(pair_key(id, symbols[i + 2]), word);
    }
    symbols[kept] = id;
    i += 2;
  }
  words_[word].size = kept;
}

}  // namespace stemma
