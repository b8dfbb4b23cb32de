// Pieces that are longer than words come again too: a table that remembers where in the ids of this
// text theirs are, of bounded size; the newest pieces win. Private to text/.
//
//   PieceCache cache(text.size());
//   PieceCache::Piece& piece = cache.at(bytes);       // a part of the text
//   if (piece.bytes != bytes) { ...; piece = {bytes, first, count}; }
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
  // A piece of the text, whose ids are `count` from `first` on in those of the text.
  struct Piece {
    std::string_view bytes;
    std::size_t first = 0, count = 0;
  };

  // At most 64 KiB; short texts take less, and nothing before the first piece.
  explicit PieceCache(std::size_t text_size)
      : places_(std::clamp<std::size_t>(std::bit_ceil(text_size / 64), 8, 1 << 11)) {}

  // The only place where the piece may be.
  Piece& at(std::string_view bytes) {
    if (pieces_.empty()) pieces_.resize(places_);
    return pieces_[place_of(bytes)];
  }

 private:
  // From the length and up to 8 bytes of both ends and of the middle.
  std::size_t place_of(std::string_view bytes) const {
    const auto eight_at = [&](std::size_t place) {
      std::uint64_t eight = 0;
      std::memcpy(&eight, bytes.data() + place, std::min<std::size_t>(bytes.size() - place, 8));
      return eight;
    };
    const std::size_t last = bytes.size() - std::min<std::size_t>(bytes.size(), 8);
    const WordKey key{eight_at(0) ^ bytes.size(), eight_at(last) + eight_at(bytes.size() / 2)};
    return key.hash() >> 32 & (pieces_.size() - 1);
  }

  std::size_t places_;
  std::vector<Piece> pieces_;
};

}  // namespace stemma::lookup
