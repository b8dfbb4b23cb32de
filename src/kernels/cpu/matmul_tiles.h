// The AMX tile instructions that the bf16 product uses, and the same in scalar code, so that
// layouts and order are tested on machines without them. Private to kernels/cpu/matmul_amx.cc and
// its test.
//
// Registers: 0-3 sums (upper left, upper right, lower left, lower right), 4-5 A (upper, lower),
// 6-7 B (left, right). A tile of A is [16 rows][32 k] bf16; of B [16 pairs of k][16 columns][2]
// bf16; of sums [16][16] f32.
#pragma once

#include <cstdint>

namespace stemma::kernels::cpu {

inline constexpr int kTileElements = 512;  // bf16 in one tile of A or B

// TDPBF16PS on memory (Intel SDM volume 2): even and odd products of a row are two chains of fused
// multiply-adds over the pairs of k, starting from 0; their sum is added to c. Denormals count as 0
// if the caller flushes them (denormals.h), as the instruction always does.
void tile_dot_emulated(float* c, const std::uint16_t* a, const std::uint16_t* b);

struct EmulatedTiles {
  alignas(64) float sums[4][256];
  void zero();
  // sums += A · B over 32 k; `lower`: with the lower half of A.
  void step(const std::uint16_t* a, const std::uint16_t* b, bool lower);
  // Row r of the tile at to + r * stride.
  void store(float* to, std::int64_t stride, bool lower) const;
};

// The instructions; the thread must have configured its tiles.
struct RealTiles {
  static void configure();
  static void release();
  void zero();
  void step(const std::uint16_t* a, const std::uint16_t* b, bool lower);
  void store(float* to, std::int64_t stride, bool lower) const;
};

}  // namespace stemma::kernels::cpu
