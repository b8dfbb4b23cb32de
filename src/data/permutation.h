// Visits the numbers below n in a random order without storing the order: a permutation of [0, n)
// that is computed for each index.
//
//   for (std::uint64_t i = 0; i < n; ++i) visit(permuted(i, n, seed, epoch));  // each once
//
// A balanced Feistel network over the smallest even number of bits that holds n, with Philox as the
// round function, walked until the value falls below n again ("cycle walking": Black and Rogaway
// 2002, "Ciphers with Arbitrary Finite Domains", section 4). Fewer than 4 walks on average.
#pragma once

#include <bit>
#include <cstdint>

#include "base/philox.h"

namespace stemma {

// index < n < 2^62.
constexpr std::uint64_t permuted(std::uint64_t index, std::uint64_t n, std::uint64_t seed,
                                 std::uint64_t epoch) {
  if (n < 2) return index;
  const int half = (static_cast<int>(std::bit_width(n - 1)) + 1) / 2;
  const std::uint64_t mask = (std::uint64_t{1} << half) - 1;
  std::uint64_t left = index >> half, right = index & mask;
  do {
    for (std::uint32_t round = 0; round < 8; ++round) {
      const auto random = philox(philox_key(seed), {static_cast<std::uint32_t>(right), round,
                                                    static_cast<std::uint32_t>(epoch),
                                                    static_cast<std::uint32_t>(epoch >> 32)});
      const std::uint64_t next = left ^ (random[0] & mask);
      left = right;
      right = next;
    }
  } while ((left << half | right) >= n);
  return left << half | right;
}

}  // namespace stemma
