// Whether a merge may ever cross a place in a text, from the two bytes on either side alone. Where
// none may, both sides are encoded by themselves. Private to text/.
//
//   BoundaryFilter filter;
//   filter.add(" the");
//   filter.may_cross(2, 4, "of the" + 2);    // false: no token has "f " inside
//
// A merge that crosses makes a token with this place inside it. The filter remembers of each place
// inside a token the two bytes before and behind it, or the one where the token has one only. They
// are hashed, so "may" can be wrong and "may not" cannot. What a text of one script asks for lies
// in few cache lines, as the two bytes at the place are the index.
//
// Readers may share a filter; a writer needs it alone.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace stemma {

class BoundaryFilter {
 public:
  BoundaryFilter() : bits_(1 << 16) {}

  void add(std::string_view token) {
    for (std::size_t cut = 1; cut < token.size(); ++cut)
      bits_at(token.data() + cut) |= bit_of(token.data() + cut, cut > 1, cut + 1 < token.size());
  }

  // left_size, right_size: how many bytes there are on either side of `place`, at least one.
  bool may_cross(std::size_t left_size, std::size_t right_size, const char* place) const {
    const bool left = left_size > 1, right = right_size > 1;
    std::uint64_t asked = bit_of(place, false, false);
    if (left) asked |= bit_of(place, true, false);
    if (right) asked |= bit_of(place, false, true);
    if (left && right) asked |= bit_of(place, true, true);
    return (bits_[index_of(place)] & asked) != 0;
  }

 private:
  static unsigned byte(const char* at) { return static_cast<unsigned char>(*at); }
  static std::size_t index_of(const char* place) {
    return std::size_t{byte(place - 1)} << 8 | byte(place);
  }
  std::uint64_t& bits_at(const char* place) { return bits_[index_of(place)]; }
  // left, right: whether the second byte on this side counts.
  static std::uint64_t bit_of(const char* place, bool left, bool right) {
    if (!left && !right) return 1;
    const std::uint32_t key =
        (left ? byte(place - 2) + 1 : 0) << 9 | (right ? byte(place + 1) + 1 : 0);
    return std::uint64_t{2} << (key * 0x9E3779B1u >> 26) % 63;
  }

  std::vector<std::uint64_t> bits_;
};

}  // namespace stemma
