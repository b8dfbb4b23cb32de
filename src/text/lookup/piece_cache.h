// A direct-mapped cache from long pieces of one text to the ids that they were given. Encoders keep
// one for each text, because long pieces (names, addresses, table rules) often come again in the
// same text. Words of up to kMaxWordBytes have a cache of their own (word_cache.h). Private to
// text/.
//
//   PieceCache cache(text.size());
//   PieceCache::Entry& entry = cache.entry_of(piece);       // piece: a part of the text
//   if (entry.piece != piece) { ...; entry = {piece, first_id, count}; }
//
// Each piece has exactly one entry in which it can be, and a new piece replaces the old one. An
// entry stores no ids but a range of the ids that the text has so far, which the encoder copies. So
// an entry is valid only while that text is encoded. One thread.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <vector>

#include "text/lookup/word_key.h"

namespace stemma::lookup {

class PieceCache {
 public:
  // The ids of `piece` are the ids [first_id, first_id + count) of the text.
  struct Entry {
    std::string_view piece;
    std::size_t first_id = 0, count = 0;
  };

  // Takes at most 64 KiB, less for short texts, and nothing before the first piece.
  explicit PieceCache(std::size_t text_size)
      : size_(std::clamp<std::size_t>(std::bit_ceil(text_size / 64), 8, 1 << 11)) {}

  // The only entry in which the piece can be.
  Entry& entry_of(std::string_view piece) {
    if (entries_.empty()) entries_.resize(size_);
    return entries_[index_of(piece)];
  }

 private:
  // Hashes the size and up to 8 bytes at the beginning, in the middle and at the end.
  std::size_t index_of(std::string_view piece) const {
    const auto eight_at = [&](std::size_t offset) {
      std::uint64_t eight = 0;
      std::memcpy(&eight, piece.data() + offset, std::min<std::size_t>(piece.size() - offset, 8));
      return eight;
    };
    const std::size_t last = piece.size() - std::min<std::size_t>(piece.size(), 8);
    const WordKey key{eight_at(0) ^ piece.size(), eight_at(last) + eight_at(piece.size() / 2)};
    return key.hash() >> 32 & (entries_.size() - 1);
  }

  std::size_t size_;  // of entries_, a power of two
  std::vector<Entry> entries_;
};

}  // namespace stemma::lookup
