// Whether a merge may ever cross the place where two tokens meet, from the two bytes on either side
// alone. Most often none may, which saves a closer look. Private to text/.
//
//   BoundaryFilter filter;
//   filter.add(" the");
//   filter.may_cross(2, 3, "of the" + 2);    // false: no token has "f" and " t" as neighbours
//
// Remembers around each place inside a token the two bytes before and behind it (one where the
// token has one only) in a table of bits, so "may" can be wrong and "may not" cannot. Readers may
// share a filter; a writer needs it alone.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <vector>

namespace stemma {

class BoundaryFilter {
 public:
  BoundaryFilter() : bits_(std::size_t{1} << (kLogBits - 6)) {}

  void add(std::string_view token) {
    for (std::size_t cut = 1; cut < token.size(); ++cut) {
      const bool left = cut > 1, right = cut + 1 < token.size();
      const std::size_t place = place_of(window(token.data() + cut, left, right), left, right);
      bits_[place / 64] |= std::uint64_t{1} << place % 64;
    }
  }

  // Tokens of these sizes end and begin at `boundary`.
  bool may_cross(std::size_t left_size, std::size_t right_size, const char* boundary) const {
    const bool left = left_size > 1, right = right_size > 1;
    const std::uint32_t bytes = window(boundary, left, right);
    return has(bytes, false, false) || (right && has(bytes, false, true)) ||
           (left && has(bytes, true, false)) || (left && right && has(bytes, true, true));
  }

 private:
  static constexpr unsigned kLogBits = 20;  // 128 KiB: few are set of the million

  static std::uint32_t window(const char* boundary, bool left, bool right) {
    const auto at = [&](std::ptrdiff_t i) {
      return std::uint32_t{static_cast<unsigned char>(boundary[i])};
    };
    return at(-1) << 8 | at(0) << 16 | (left ? at(-2) : 0) | (right ? at(1) << 24 : 0);
  }
  // left, right: whether the second byte on this side counts.
  static std::size_t place_of(std::uint32_t window, bool left, bool right) {
    window &= (left ? 0xFFFFFFu : 0xFFFF00u) | (right ? 0xFF000000u : 0u);
    const std::uint64_t key = std::uint64_t{window} << 2 | unsigned{left} << 1 | unsigned{right};
    return key * 0x9E3779B97F4A7C15u >> (64 - kLogBits);
  }
  bool has(std::uint32_t window, bool left, bool right) const {
    const std::size_t place = place_of(window, left, right);
    return (bits_[place / 64] >> place % 64 & 1) != 0;
  }

  std::vector<std::uint64_t> bits_;
};

}  // namespace stemma
