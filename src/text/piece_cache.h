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
    if (piece.size() <= kWordBytes) {
      const Key key = key_of(piece);
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
    if (piece.size() > kWordBytes || count > kWordIds) {
      others_[index_of(ends_of(piece), others_.size())] = {piece, first, count};
      return;
    }
    const Key key = key_of(piece);
    Word& word = words_[index_of(key, words_.size())];
    word.key = key;
    word.count = static_cast<std::uint32_t>(count);
    std::copy_n(ids.begin() + static_cast<std::ptrdiff_t>(first), count, word.ids);
  }

 private:
  static constexpr std::size_t kWordBytes = 15, kWordIds = 3;

  // The bytes of a word, zeros behind them, and its length in the last byte.
  struct Key {
    std::uint64_t low = 0, high = 0;
    bool operator==(const Key&) const = default;
  };
  // Half a cache line: one miss at most to find the ids of a word.
  struct alignas(32) Word {
    Key key;
    std::int32_t ids[kWordIds] = {};
    std::uint32_t count = 0;
  };
  struct Other {
    std::string_view piece;
    std::size_t first = 0, count = 0;
  };

  Key key_of(std::string_view piece) const {
    Key key;
    const std::size_t size = piece.size();
    if (end_ - piece.data() >= 16) {
      std::memcpy(&key, piece.data(), 16);
      if (size >= 8) {
        key.high &= (std::uint64_t{1} << 8 * (size - 8)) - 1;
      } else {
        key.low &= (std::uint64_t{1} << 8 * size) - 1;
        key.high = 0;
      }
    } else {
      std::memcpy(&key, piece.data(), size);
    }
    key.high |= std::uint64_t{size} << 56;
    return key;
  }

  // Of the length and up to 16 bytes from both ends.
  static Key ends_of(std::string_view piece) {
    Key key;
    const std::size_t bytes = std::min<std::size_t>(piece.size(), 8);
    std::memcpy(&key.low, piece.data(), bytes);
    std::memcpy(&key.high, piece.data() + piece.size() - bytes, bytes);
    key.low ^= piece.size();
    return key;
  }

  static std::size_t index_of(const Key& key, std::size_t places) {
    std::uint64_t hash = key.low * 0x9E3779B97F4A7C15u;
    hash = (hash ^ (hash >> 32) ^ key.high) * 0xD6E8FEB86659FD93u;
    return (hash >> 32) & (places - 1);
  }

  const char* end_;  // of the text
  std::vector<Word> words_;
  std::vector<Other> others_;
};

}  // namespace stemma
