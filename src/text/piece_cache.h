// Words come again and again: two tables that remember the ids of pieces seen in this text, of
// bounded size: the newest pieces win. They live for one call of
// encode(), so nothing is shared between threads. Private to text/.
//
//   PieceCache cache(text);
//   PieceCache::WordPair& words = cache.words_at(key);    // of a piece up to kMaxWordBytes
//   if (words.find(key) == nullptr) { ...; words.set(key, ids); }
//   PieceCache::Other& other = cache.other_at(piece);     // of a longer one
//   if (other.piece != piece) { ...; other = {piece, first, count}; }
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <vector>

#include "text/word_key.h"

namespace stemma {

class PieceCache {
 public:
  class alignas(32) Word {
   public:
    static constexpr std::size_t kMaxIds = 3;

    bool is(const WordKey& key) const { return key_ == key; }
    // Writes the ids to `to`, where there is room for four; returns how many they are.
    std::size_t copy(std::int32_t* to) const {
      std::memcpy(to, ids_, sizeof(ids_));
      return static_cast<std::size_t>(ids_[kMaxIds]);
    }
    // At most kMaxIds.
    void set(const WordKey& key, std::span<const std::int32_t> ids) {
      key_ = key;
      std::ranges::copy(ids, ids_);
      ids_[kMaxIds] = static_cast<std::int32_t>(ids.size());
    }

   private:
    WordKey key_;
    std::int32_t ids_[kMaxIds + 1] = {};  // the last is their number
  };

  // A cache line: one miss at most to find the ids of a word. The two that were set last.
  class alignas(64) WordPair {
   public:
    // Null where the word is not here.
    const Word* find(const WordKey& key) const {
      const Word& word = words_[std::size_t{words_[1].is(key)}];
      return word.is(key) ? &word : nullptr;
    }
    // Nothing changes when the ids are too many.
    void set(const WordKey& key, std::span<const std::int32_t> ids) {
      if (ids.size() > Word::kMaxIds) return;
      words_[1] = words_[0];
      words_[0].set(key, ids);
    }

   private:
    Word words_[2];
  };

  // At most 2 MiB and 80 KiB; short texts take less.
  explicit PieceCache(std::string_view text)
      : words_(std::clamp<std::size_t>(std::bit_ceil(text.size() / 64), 8, 1 << 15)),
        others_(std::min<std::size_t>(2 * words_.size(), 1 << 11)) {}

  // The only place where the word may be.
  WordPair& words_at(const WordKey& key) { return words_[key.hash() >> 32 & (words_.size() - 1)]; }

  // A piece of the text, whose ids are `count` from `first` on in those of the text.
  struct Other {
    std::string_view piece;
    std::size_t first = 0, count = 0;
  };
  // The only place where the piece may be.
  Other& other_at(std::string_view piece) { return others_[place_of(piece)]; }

 private:
  // From the length and up to 8 bytes of both ends and of the middle.
  std::size_t place_of(std::string_view piece) const {
    const auto bytes_at = [&](std::size_t place) {
      std::uint64_t bytes = 0;
      std::memcpy(&bytes, piece.data() + place, std::min<std::size_t>(piece.size() - place, 8));
      return bytes;
    };
    const std::size_t last = piece.size() - std::min<std::size_t>(piece.size(), 8);
    const WordKey key{bytes_at(0) ^ piece.size(), bytes_at(last) + bytes_at(piece.size() / 2)};
    return key.hash() >> 32 & (others_.size() - 1);
  }

  std::vector<WordPair> words_;
  std::vector<Other> others_;
};

}  // namespace stemma
