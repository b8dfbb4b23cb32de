// Words come again and again: a table that remembers the ids of short words, of bounded size. Of
// the words that share a place the two that were set last stay. Any number of threads read and
// write it at once, so what one has learned all know, and the next text starts with it. Private to
// text/.
//
//   WordCache cache(50257);
//   WordCache::Pair& words = cache.at(key);           // of a word up to kMaxWordBytes
//   if (words.copy(key, to) == 0) { ...; words.set(key, ids); }
//
// Each word is a sequence lock (Boehm 2012, "Can seqlocks get along with programming language
// memory models?"): a reader that meets a writer finds nothing, a writer that meets another leaves
// it alone.
#pragma once

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

#include "base/large_pages.h"
#include "text/lookup/word_key.h"

namespace stemma::lookup {

class WordCache {
 public:
  static constexpr std::size_t kMaxIds = 3;  // of a word

  // A cache line: one miss at most to find the ids of a word.
  class alignas(64) Pair {
   public:
    // Writes the ids of the word to `to`, where there is room for four; returns how many they are,
    // 0 where the word is not here.
    std::size_t copy(const WordKey& key, std::int32_t* to) const {
      return words_[std::size_t{words_[1].is(key)}].copy(key, to);
    }
    // Nothing changes when the ids are too many.
    void set(const WordKey& key, std::span<const std::int32_t> ids) {
      if (ids.size() <= kMaxIds) words_[words_[1].writes() < words_[0].writes()].set(key, ids);
    }

   private:
    class Word {
     public:
      bool is(const WordKey& key) const {
        return WordKey{low_.load(std::memory_order_acquire),
                       high_.load(std::memory_order_acquire)} == key;
      }
      std::uint32_t writes() const {
        return static_cast<std::uint32_t>(last_.load(std::memory_order_relaxed) >> kWrites);
      }
      std::size_t copy(const WordKey& key, std::int32_t* to) const {
        const std::uint64_t last = last_.load(std::memory_order_acquire);
        const std::uint64_t first = first_.load(std::memory_order_acquire);
        if (!is(key) || last_.load(std::memory_order_relaxed) != last) return 0;
        std::memcpy(to, &first, sizeof(first));
        std::memcpy(to + 2, &last, sizeof(last));
        return last >> kCount & kMaxIds;
      }
      void set(const WordKey& key, std::span<const std::int32_t> ids) {
        std::uint64_t last = last_.load(std::memory_order_relaxed);
        const std::uint64_t next = ((last >> kWrites) + 1) << kWrites;
        // Without ids while it is written.
        if ((last & kWriting) != 0 ||
            !last_.compare_exchange_strong(last, next | kWriting, std::memory_order_acquire))
          return;
        const auto id = [&](std::size_t i) {
          return std::uint64_t{i < ids.size() ? static_cast<std::uint32_t>(ids[i]) : 0};
        };
        low_.store(key.low, std::memory_order_release);
        high_.store(key.high, std::memory_order_release);
        first_.store(id(0) | id(1) << 32, std::memory_order_release);
        last_.store(next | std::uint64_t{ids.size()} << kCount | id(2), std::memory_order_release);
      }

     private:
      // In last_, above the third id: how many there are, whether it is being written, and how
      // often it was.
      static constexpr int kCount = 32, kWrites = 35;
      static constexpr std::uint64_t kWriting = std::uint64_t{1} << 34;

      std::atomic<std::uint64_t> low_ = 0, high_ = 0;
      std::atomic<std::uint64_t> first_ = 0, last_ = 0;
    };

    Word words_[2];
  };

  // Two words for each of the tokens, within 4 MiB.
  explicit WordCache(std::size_t tokens)
      : pairs_(std::clamp<std::size_t>(std::bit_ceil(tokens), 1 << 6, 1 << 16)) {}

  // The only place where the word may be.
  Pair& at(const WordKey& key) { return pairs_[key.hash() >> 32 & (pairs_.size() - 1)]; }

 private:
  LargeVector<Pair> pairs_;
};

}  // namespace stemma::lookup
