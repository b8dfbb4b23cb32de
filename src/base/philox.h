// Random numbers that are a function of a key and a counter instead of a state: the same place in
// the work draws the same number whatever the threads, the split of a batch or recomputation.
//
//   const PhiloxKey key = philox_key(seed);
//   philox(key, {step, site, number, position});  // four numbers of 32 bits
//
// Philox4x32-10 (Salmon et al. 2011, "Parallel Random Numbers: As Easy as 1, 2, 3", section 4.3).
#pragma once

#include <array>
#include <cstdint>

namespace stemma {

struct PhiloxKey {
  std::uint32_t low = 0, high = 0;
};

constexpr PhiloxKey philox_key(std::uint64_t seed) {
  return {static_cast<std::uint32_t>(seed), static_cast<std::uint32_t>(seed >> 32)};
}

// Four independent 32-bit values.
constexpr std::array<std::uint32_t, 4> philox(PhiloxKey key, std::array<std::uint32_t, 4> c) {
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t p0 = 0xD2511F53ull * c[0];
    const std::uint64_t p1 = 0xCD9E8D57ull * c[2];
    c = {static_cast<std::uint32_t>(p1 >> 32) ^ c[1] ^ key.low, static_cast<std::uint32_t>(p1),
         static_cast<std::uint32_t>(p0 >> 32) ^ c[3] ^ key.high, static_cast<std::uint32_t>(p0)};
    key.low += 0x9E3779B9u;
    key.high += 0xBB67AE85u;
  }
  return c;
}

// [0, 1) with 24 random bits: exact in f32.
constexpr float philox_uniform(std::uint32_t bits) {
  return static_cast<float>(bits >> 8) * 0x1p-24f;
}

}  // namespace stemma
