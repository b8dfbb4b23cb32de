// Whether a merge may ever cross a place in a text, from the three bytes on either side alone.
// Where none may, both sides are encoded by themselves. Private to text/.
//
//   BoundaryFilter filter;
//   filter.add(" the");
//   filter.may_cross(2, 4, "of the" + 2);    // false: no token has "f " inside
//
// A merge that crosses makes a token with this place inside it. The filter remembers of each place
// inside a token the bytes around it, up to three on either side as the token has them. They are
// hashed, so "may" can be wrong and "may not" cannot. What a text of one script asks for lies in
// few cache lines, as the two bytes at the place are the index.
//
// Readers may share a filter; a writer needs it alone.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/large_pages.h"

namespace stemma::bpe {

class BoundaryFilter {
 public:
  BoundaryFilter() : rows_(1 << 16) {}

  void add(std::string_view token) {
    for (std::size_t cut = 1; cut < token.size(); ++cut) {
      const char* place = token.data() + cut;
      const unsigned bit = bit_of(left_of(place, cut), right_of(place, token.size() - cut));
      rows_[row_of(place)][bit / 64] |= std::uint64_t{1} << bit % 64;
    }
  }

  // left_size, right_size: how many bytes there are on either side of `place`, at least one.
  bool may_cross(std::size_t left_size, std::size_t right_size, const char* place) const {
    const Row& row = rows_[row_of(place)];
    for (std::size_t left = 1; left <= std::min(left_size, kMost); ++left) {
      const std::uint32_t left_bytes = left_of(place, left);
      for (std::size_t right = 1; right <= std::min(right_size, kMost); ++right) {
        const unsigned bit = bit_of(left_bytes, right_of(place, right));
        if ((row[bit / 64] >> bit % 64 & 1) != 0) return true;
      }
    }
    return false;
  }

 private:
  using Row = std::array<std::uint64_t, 4>;
  static constexpr std::size_t kMost = 3;  // bytes that count on a side

  static unsigned byte(const char* at) { return static_cast<unsigned char>(*at); }
  static std::size_t row_of(const char* place) {
    return std::size_t{byte(place - 1)} << 8 | byte(place);
  }
  // How many bytes count, and those but the one at the place.
  static std::uint32_t left_of(const char* place, std::size_t size) {
    if (size == 1) return 1;
    return size == 2 ? 2 + (byte(place - 2) << 8)
                     : 3 + (byte(place - 2) << 8) + (byte(place - 3) << 16);
  }
  static std::uint32_t right_of(const char* place, std::size_t size) {
    if (size == 1) return 1;
    return size == 2 ? 2 + (byte(place + 1) << 8)
                     : 3 + (byte(place + 1) << 8) + (byte(place + 2) << 16);
  }
  static unsigned bit_of(std::uint32_t left, std::uint32_t right) {
    const std::uint64_t key = std::uint64_t{left} << 32 | right;
    return static_cast<unsigned>(key * 0x9E3779B97F4A7C15u >> 56);
  }

  LargeVector<Row> rows_;
};

}  // namespace stemma::bpe
