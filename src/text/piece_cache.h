// Words come again and again: two tables that remember the ids of pieces seen in this text, of
// bounded size and one place a hash value (the newest piece wins). They live for one call of
// encode(), so nothing is shared between threads. Private to text/.
//
//   PieceCache cache(text);
//   if (!cache.copy(piece, ids)) { ...; cache.put(piece, ids, first); }   // pieces of this text
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <vector>

#include "text/word_key.h"

namespace stemma {

class PieceCache {
 public:
  // At most 1 MiB and 40 KiB; short texts take less.
  explicit PieceCache(std::string_view text)
      : end_(text.data() + text.size()),
        words_(std::clamp<std::size_t>(std::bit_ceil(text.size() / 32), 16, 1 << 15)),
        others_(std::min<std::size_t>(words_.size(), 1 << 10)) {}

  // Appends the ids of `piece` where they are known.
  bool copy(std::string_view piece, std::vector<std::int32_t>& ids) const {
    if (piece.size() <= kMaxWordBytes) {
      const WordKey key = key_of(piece);
      const Word& word = words_[index_of(key, words_.size())];
      if (word.key == key) {
        for (std::uint32_t i = 0; i < word.count; ++i) ids.push_back(word.ids[i]);
        return true;
      }
    }
    const Other& other = others_[index_of(ends_of(piece), others_.size())];
    if (other.piece != piece) return false;
    for (std::size_t i = 0; i < other.count; ++i) ids.push_back(ids[other.first + i]);
    return true;
  }

  // The ids of `piece` are those from `first` on; `ids` only grows from here.
  void put(std::string_view piece, const std::vector<std::int32_t>& ids, std::size_t first) {
    const std::size_t count = ids.size() - first;
    if (piece.size() > kMaxWordBytes || count > kWordIds) {
      others_[index_of(ends_of(piece), others_.size())] = {piece, first, count};
      return;
    }
    const WordKey key = key_of(piece);
    Word& word = words_[index_of(key, words_.size())];
    word.key = key;
    word.count = static_cast<std::uint32_t>(count);
    std::copy_n(ids.begin() + static_cast<std::ptrdiff_t>(first), count, word.ids);
  }

 private:
  static constexpr std::size_t kWordIds = 3;

  // Half a cache line: one miss at most to find the ids of a word.
  struct alignas(32) Word {
    WordKey key;
    std::int32_t ids[kWordIds] = {};
    std::uint32_t count = 0;
  };
  struct Other {
    std::string_view piece;
    std::size_t first = 0, count = 0;
  };

  WordKey key_of(std::string_view word) const {
    return WordKey::of(word.data(), word.size(), end_);
  }

  // Of the length and up to 16 bytes from both ends.
  static WordKey ends_of(std::string_view piece) {
    WordKey key;
    const std::size_t bytes = std::min<std::size_t>(piece.size(), 8);
    std::memcpy(&key.low, piece.data(), bytes);
    std::memcpy(&key.high, piece.data() + piece.size() - bytes, bytes);
    key.low ^= piece.size();
    return key;
  }

  static std::size_t index_of(const WordKey& key, std::size_t places) {
    return key.hash() >> 32 & (places - 1);
  }

  const char* end_;  // of the text
  std::vector<Word> words_;
  std::vector<Other> others_;
};

}  // namespace stemma
