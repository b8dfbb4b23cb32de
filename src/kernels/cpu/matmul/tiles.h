// The AMX tile instructions that the bf16 product uses, and the same in scalar code, so that
// layouts and order are tested on machines without them; and the packing of tiles with AVX512-BF16,
// which every processor with AMX has. Private to kernels/cpu/matmul/amx.cc, tiles_pack.cc
// and their test.
//
// Registers: 0-3 sums (upper left, upper right, lower left, lower right), 4-5 A (upper, lower),
// 6-7 B (left, right). A tile of A is [16 rows][32 k] bf16; of B [16 pairs of k][16 columns][2]
// bf16; of sums [16][16] f32.
#pragma once

#include <cstddef>
#include <cstdint>

#include "tensor/tensor.h"

namespace stemma::kernels::cpu {

inline constexpr int kTileElements = 512;  // bf16 in one tile of A or B

// TDPBF16PS on memory (Intel SDM volume 2): even and odd products of a row are two chains of fused
// multiply-adds over the pairs of k, starting from 0; their sum is added to c. Denormals count as 0
// if the caller flushes them (denormals.h), as the instruction always does.
void tile_dot_emulated(float* c, const std::uint16_t* a, const std::uint16_t* b);

// Packed tiles, step by step: upper and lower of A, left and right of B.
struct TileOperands {
  const std::uint16_t* a = nullptr;
  const std::uint16_t* b = nullptr;
  const std::byte* ahead = nullptr;
};
inline constexpr std::int64_t kAheadBytes = 8;

struct EmulatedTiles {
  alignas(64) float sums[4][256];
  void zero();
  // sums += A · B over `steps` times 32 k; `lower`: with the lower half of A too. kAheadBytes of
  // `ahead` may be prefetched into L2 for every k.
  void multiply(const TileOperands& operands, std::int64_t steps, bool lower);
  // Row r of the tile at to + r * stride.
  void store(float* to, std::int64_t stride, bool lower) const;
};

// The instructions; the thread must have configured its tiles.
struct RealTiles {
  static void configure();
  static void release();
  void zero();
  void multiply(const TileOperands& operands, std::int64_t steps, bool lower);
  void store(float* to, std::int64_t stride, bool lower) const;
};

// What one tile is packed from: up to 16 rows of A or columns of B and up to 32 k; the rest of the
// tile becomes zeros. f32 and f16 are rounded to nearest even (f32 denormals become 0), bf16 is
// copied.
struct TileSource {
  const void* data = nullptr;  // the first element
  DType dtype = DType::f32;    // f32, bf16 or f16
  std::int64_t stride = 0;     // elements between what is not contiguous
  bool k_contiguous = false;
  std::int64_t width = 0, k = 0;
};
// Only where the processor has AVX512-BF16.
void pack_tile_of_a(const TileSource& source, std::uint16_t* to);
void pack_tile_of_b(const TileSource& source, std::uint16_t* to);
// sums[r][n] += block[r][n], rows of 32.
void add_tiles(const float* block, int rows, float* sums);

}  // namespace stemma::kernels::cpu
