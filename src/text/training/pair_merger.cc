#include "text/training/pair_merger.h"

#include <algorithm>
#include <functional>
#include <limits>

#include <fmt/format.h>

#include "base/error.h"
#include "text/unicode/byte_alphabet.h"

namespace stemma::bpe_training {
namespace {

constexpr std::uint32_t kNoWord = std::numeric_limits<std::uint32_t>::max();
constexpr std::size_t kWordsAhead = 12;  // that are asked from memory before their turn

}  // namespace

PairMerger::PairMerger() : id_of_byte_(256) {
  std::uint32_t id = 0;
  for (const std::uint8_t byte : unicode::byte_alphabet_order()) id_of_byte_[byte] = id++;
}

void PairMerger::reserve(std::uint64_t words, std::uint64_t bytes) {
  words_.reserve(words_.size() + kHead * words + bytes);
}

void PairMerger::add_word(std::string_view bytes, std::uint64_t count) {
  if (bytes.size() < 2) return;
  if (bytes.size() + kHead > kNoWord - words_.size())
    throw Error(ErrorCode::out_of_memory,
                fmt::format("[bpe_trainer] a piece of {} bytes after {} bytes of others: more than "
                            "16 GiB of pieces; allow less memory, so that rare pieces are left out",
                            bytes.size(), words_.size()));
  words_.push_back(static_cast<std::uint32_t>(count));
  words_.push_back(static_cast<std::uint32_t>(count >> 32));
  words_.push_back(static_cast<std::uint32_t>(bytes.size()));
  for (const char byte : bytes) words_.push_back(id_of_byte_[static_cast<unsigned char>(byte)]);
}

// Pairs of bytes, in two passes: what they count, then where they are.
void PairMerger::start(std::uint64_t min_frequency) {
  min_frequency_ = std::max<std::uint64_t>(min_frequency, 1);
  std::vector<Change> changes(256 * 256);
  for (std::size_t i = 0; i < changes.size(); ++i)
    changes[i].pair =
        lookup::pair_key(static_cast<std::int32_t>(i / 256), static_cast<std::int32_t>(i % 256));
  const auto for_each_place = [&](auto&& use) {
    for (Change& change : changes) change.last_word = kNoWord;
    for (std::uint32_t word = 0; word < words_.size(); word += kHead + words_[word + 2]) {
      const std::uint64_t count = count_of(word);
      const std::uint32_t* symbols = words_.data() + word + kHead;
      for (std::uint32_t i = 1; i < words_[word + 2]; ++i) {
        Change& change = changes[256 * symbols[i - 1] + symbols[i]];
        const bool first_in_word = change.last_word != word;
        change.last_word = word;
        use(change, count, first_in_word);
      }
    }
  };
  for_each_place([](Change& change, std::uint64_t count, bool first_in_word) {
    change.count += count;
    change.places += first_in_word;
  });
  std::uint64_t places = 0;
  for (Change& change : changes) {
    if (change.count < min_frequency_) continue;
    change.places_begin = places;
    places += change.places;
    pairs_[change.pair] = {change.count, change.places_begin, change.places};
    queue_.push_back({change.count, change.pair});
  }
  std::ranges::make_heap(queue_, std::less<>());
  places_.resize(places);
  for_each_place([&](Change& change, std::uint64_t, bool first_in_word) {
    if (first_in_word && change.count >= min_frequency_)
      places_[change.places_begin++] = change.last_word;
  });
}

std::optional<PairMerger::Pair> PairMerger::best_pair() {
  while (!queue_.empty()) {
    std::ranges::pop_heap(queue_, std::less<>());
    Candidate best = queue_.back();
    queue_.pop_back();
    const std::uint64_t count = pairs_[best.pair].count;
    if (count < min_frequency_) continue;
    if (count == best.count)
      return Pair{static_cast<std::int32_t>(best.pair >> 32),
                  static_cast<std::int32_t>(best.pair & 0xFFFFFFFFu)};
    best.count = count;
    queue_.push_back(best);
    std::ranges::push_heap(queue_, std::less<>());
  }
  return std::nullopt;
}

void PairMerger::merge(const Pair& pair, std::int32_t id) {
  const std::uint64_t key = lookup::pair_key(pair.left, pair.right);
  const PairState state = pairs_[key];
  const std::uint32_t* places = places_.data() + state.places_begin;
  for (std::size_t i = 0; i < state.places; ++i) {
    if (i + kWordsAhead < state.places) __builtin_prefetch(&words_[places[i + kWordsAhead]]);
    merge_in_word(pair, id, places[i]);
  }
  apply_losses(lost_left_, key);
  apply_losses(lost_right_, key);
  apply_gains(gained_left_, places_left_);
  apply_gains(gained_right_, places_right_);
}

// From left to right and in place.
void PairMerger::merge_in_word(const Pair& pair, std::int32_t id, std::uint32_t word) {
  std::uint32_t* const symbols = words_.data() + word + kHead;
  const std::uint32_t size = words_[word + 2];
  const std::uint64_t count = count_of(word);
  const auto left = static_cast<std::uint32_t>(pair.left),
             right = static_cast<std::uint32_t>(pair.right), made = static_cast<std::uint32_t>(id);
  const auto is_pair = [&](std::uint32_t i) {
    return i + 1 < size && symbols[i] == left && symbols[i + 1] == right;
  };
  std::uint32_t kept = 0;
  for (std::uint32_t i = 0; i < size; ++kept) {
    if (!is_pair(i)) {
      symbols[kept] = symbols[i++];
      continue;
    }
    // Where the one before was merged too, that merge has seen to the pair between them.
    if (kept > 0 && symbols[kept - 1] != made) {
      const auto before = static_cast<std::int32_t>(symbols[kept - 1]);
      lose(lost_left_, before, lookup::pair_key(before, pair.left), count);
      gain(gained_left_, places_left_, before, lookup::pair_key(before, id), word);
    }
    if (i + 2 < size) {
      const auto after = static_cast<std::int32_t>(symbols[i + 2]);
      lose(lost_right_, after, lookup::pair_key(pair.right, after), count);
      const std::int32_t then = is_pair(i + 2) ? id : after;
      gain(gained_right_, places_right_, then, lookup::pair_key(id, then), word);
    }
    symbols[kept] = made;
    i += 2;
  }
  words_[word + 2] = kept;
}

PairMerger::Change& PairMerger::Changes::at(std::int32_t neighbour, std::uint64_t pair) {
  const auto place = static_cast<std::size_t>(neighbour);
  if (place >= index_.size()) index_.resize(std::max(place + 1, 2 * index_.size()));
  if (index_[place] == 0) {
    changes_.push_back({.pair = pair, .last_word = kNoWord});
    neighbours_.push_back(neighbour);
    index_[place] = static_cast<std::uint32_t>(changes_.size());
  }
  return changes_[index_[place] - 1];
}

void PairMerger::Changes::clear() {
  for (const std::int32_t neighbour : neighbours_) index_[static_cast<std::size_t>(neighbour)] = 0;
  neighbours_.clear();
  changes_.clear();
}

void PairMerger::gain(Changes& changes, std::vector<Place>& places, std::int32_t neighbour,
                      std::uint64_t pair, std::uint32_t word) {
  Change& change = changes.at(neighbour, pair);
  change.count += count_of(word);
  if (change.last_word == word) return;
  change.last_word = word;
  ++change.places;
  places.push_back({changes.index_of(change), word});
}

void PairMerger::lose(Changes& changes, std::int32_t neighbour, std::uint64_t pair,
                      std::uint64_t count) {
  changes.at(neighbour, pair).count += count;
}

// The merged pair itself is gone whatever the words say: in "aaa" a second one reached into it.
void PairMerger::apply_losses(Changes& changes, std::uint64_t merged) {
  for (const Change& change : changes.all())
    if (PairState* state = pairs_.find(change.pair); state != nullptr && change.pair != merged)
      state->count -= change.count;
  changes.clear();
}

void PairMerger::apply_gains(Changes& changes, std::vector<Place>& places) {
  std::uint64_t end = places_.size();
  for (Change& change : changes.all()) {
    if (change.count < min_frequency_) continue;
    change.places_begin = end;
    end += change.places;
    pairs_[change.pair] = {change.count, change.places_begin, change.places};
    queue_.push_back({change.count, change.pair});
    std::ranges::push_heap(queue_, std::less<>());
  }
  places_.resize(end);
  for (const Place& place : places) {
    Change& change = changes.all()[place.change];
    if (change.count >= min_frequency_) places_[change.places_begin++] = place.word;
  }
  places.clear();
  changes.clear();
}

}  // namespace stemma::bpe_training
