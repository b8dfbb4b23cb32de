// A two-way set-associative cache from short words to their token ids. Encoders keep one, because
// most words of a text have come before: a hit costs one cache line instead of the merges of a
// word. Private to text/.
//
//   WordCache cache(50257);
//   WordCache::Set& set = cache.set_of(key);            // key: a word of up to kMaxWordBytes
//   if (set.find(key, ids) == 0) { ...; set.insert(key, computed); }
//
// The hash of a word chooses its set. A set holds two words in one cache line of 64 bytes; a third
// word replaces the older of the two. The size is bounded: 4 MiB at most.
//
// Any number of threads may read and write at once, so that threads and later texts profit from
// what one thread has computed. Every entry is a sequence lock (Boehm 2012, "Can seqlocks get along
// with programming language memory models?"): a reader that meets a writer reports a miss, and a
// writer that meets another writer leaves the entry alone. A miss costs time and never changes ids.
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

  // The two entries in which a word can be. They share one cache line, so a lookup costs at most
  // one cache miss.
  class alignas(64) Set {
   public:
    // Writes the ids of the word to `ids`, which has room for four, and returns their number; 0
    // means that the word is not in the cache.
    std::size_t find(const WordKey& key, std::int32_t* ids) const {
      return entries_[std::size_t{entries_[1].is(key)}].find(key, ids);
    }
    // Replaces the older entry. A word with more than kMaxIds ids is not stored.
    void insert(const WordKey& key, std::span<const std::int32_t> ids) {
      // The writes alternate between the two entries, so the one with fewer writes is the older.
      if (ids.size() <= kMaxIds)
        entries_[entries_[1].writes() < entries_[0].writes()].insert(key, ids);
    }

   private:
    class Entry {
     public:
      bool is(const WordKey& key) const {
        return WordKey{low_.load(std::memory_order_acquire),
                       high_.load(std::memory_order_acquire)} == key;
      }
      std::uint32_t writes() const {
        return static_cast<std::uint32_t>(last_.load(std::memory_order_relaxed) >> kWrites);
      }
      std::size_t find(const WordKey& key, std::int32_t* ids) const {
        const std::uint64_t last = last_.load(std::memory_order_acquire);
        const std::uint64_t first = first_.load(std::memory_order_acquire);
        if (!is(key) || last_.load(std::memory_order_relaxed) != last) return 0;
        std::memcpy(ids, &first, sizeof(first));
        std::memcpy(ids + 2, &last, sizeof(last));
        return last >> kCount & kMaxIds;
      }
      void insert(const WordKey& key, std::span<const std::int32_t> ids) {
        std::uint64_t last = last_.load(std::memory_order_relaxed);
        const std::uint64_t next = ((last >> kWrites) + 1) << kWrites;
        // While the entry is being written its count of ids is 0: readers miss.
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
      // last_ holds, from bit 0 upwards: the third id, the number of ids, whether the entry is
      // being written, and the number of writes (the sequence number of the lock).
      static constexpr int kCount = 32, kWrites = 35;
      static constexpr std::uint64_t kWriting = std::uint64_t{1} << 34;

      std::atomic<std::uint64_t> low_ = 0, high_ = 0;
      std::atomic<std::uint64_t> first_ = 0, last_ = 0;
    };

    Entry entries_[2];
  };

  // Room for two words for each token of the vocabulary, but for 128 words at least and within 4
  // MiB.
  explicit WordCache(std::size_t tokens)
      : sets_(std::clamp<std::size_t>(std::bit_ceil(tokens), 1 << 6, 1 << 16)) {}

  // The only set in which the word can be.
  Set& set_of(const WordKey& key) { return sets_[key.hash() >> 32 & (sets_.size() - 1)]; }

 private:
  LargeVector<Set> sets_;  // a power of two
};

}  // namespace stemma::lookup
