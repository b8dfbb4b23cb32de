// The bf16 product on AMX tiles: 32 x 32 of C from 2 x 2 tiles, 32 k a step.
//
// A strip is 32 rows, for every 32 k two tiles of A; a panel for every 32 k two tiles of B (layouts
// in tiles.h). Missing rows, columns and k are zeros. Within a reduction block the
// instruction's own order holds; blocks are added as everywhere.
//
// Tiles are packed with AVX512-BF16 (tiles_pack.cc), or by way of f32 on kernel paths
// without it; the bits are the same but for f32 denormals, which the instructions take as 0. The
// strips of a task stay in an L2 cache of 2 MiB, and the next panel is fetched over several
// tiles.
#include <algorithm>
#include <cmath>
#include <cstring>

#include <immintrin.h>

#include "device/cpu.h"
#include "kernels/cpu/matmul/kernels.h"
#include "kernels/cpu/matmul/tiles.h"

#define STEMMA_AMX __attribute__((target("amx-tile,amx-bf16")))

namespace stemma::kernels::cpu {
namespace {

constexpr std::int64_t kStep = 32;                         // k of one tile
constexpr std::int64_t kStepElements = 2 * kTileElements;  // packed elements of a strip or panel

}  // namespace

__attribute__((target("fma"))) void tile_dot_emulated(float* c, const std::uint16_t* a,
                                                      const std::uint16_t* b) {
  for (int m = 0; m < 16; ++m) {
    float chains[32] = {};
    for (int k = 0; k < 16; ++k)
      for (int n = 0; n < 32; ++n)
        chains[n] = std::fma(to_float(bf16{a[m * 32 + 2 * k + n % 2]}),
                             to_float(bf16{b[k * 32 + n]}), chains[n]);
    for (int n = 0; n < 16; ++n) c[m * 16 + n] += chains[2 * n] + chains[2 * n + 1];
  }
}

void EmulatedTiles::zero() { std::memset(sums, 0, sizeof sums); }

void EmulatedTiles::multiply(const TileOperands& operands, std::int64_t steps, bool lower) {
  const std::uint16_t *a = operands.a, *b = operands.b;
  for (std::int64_t i = 0; i < steps; ++i, a += kStepElements, b += kStepElements)
    for (int half = 0; half <= (lower ? 1 : 0); ++half)
      for (int side = 0; side < 2; ++side)
        tile_dot_emulated(sums[2 * half + side], a + half * kTileElements,
                          b + side * kTileElements);
}

void EmulatedTiles::store(float* to, std::int64_t stride, bool lower) const {
  for (int half = 0; half <= (lower ? 1 : 0); ++half)
    for (int r = 0; r < 16; ++r)
      for (int side = 0; side < 2; ++side)
        std::memcpy(to + (half * 16 + r) * stride + side * 16, sums[2 * half + side] + r * 16, 64);
}

STEMMA_AMX void RealTiles::configure() {
  struct alignas(64) Configuration {
    std::uint8_t palette = 1, start_row = 0, reserved[14] = {};
    std::uint16_t row_bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
    std::uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
  };
  static constexpr Configuration configuration;
  // Not _tile_loadconfig: GCC 12 takes it to read 8 of the 64 bytes and drops the others' stores.
  __asm__ volatile("ldtilecfg %0" ::"m"(configuration));
}

STEMMA_AMX void RealTiles::release() { _tile_release(); }

STEMMA_AMX void RealTiles::zero() {
  _tile_zero(0);
  _tile_zero(1);
  _tile_zero(2);
  _tile_zero(3);
}

STEMMA_AMX void RealTiles::multiply(const TileOperands& operands, std::int64_t steps, bool lower) {
  const std::uint16_t *a = operands.a, *b = operands.b;
  const std::byte* ahead = operands.ahead;
  for (std::int64_t i = 0; i < steps; ++i, a += kStepElements, b += kStepElements) {
    // The load intrinsics do not tell the compiler that they read memory.
    __asm__ volatile("" ::: "memory");
    for (std::int64_t line = 0; line < kStep * kAheadBytes; line += 64, ahead += 64)
      _mm_prefetch(ahead, _MM_HINT_T1);
    _tile_loadd(6, b, 64);
    _tile_loadd(4, a, 64);
    _tile_loadd(7, b + kTileElements, 64);
    _tile_dpbf16ps(0, 4, 6);
    _tile_dpbf16ps(1, 4, 7);
    if (!lower) continue;
    _tile_loadd(5, a + kTileElements, 64);
    _tile_dpbf16ps(2, 5, 6);
    _tile_dpbf16ps(3, 5, 7);
  }
}

STEMMA_AMX void RealTiles::store(float* to, std::int64_t stride, bool lower) const {
  const std::int64_t bytes = stride * 4;
  _tile_stored(0, to, bytes);
  _tile_stored(1, to + 16, bytes);
  if (!lower) return;
  _tile_stored(2, to + 16 * stride, bytes);
  _tile_stored(3, to + 16 * stride + 16, bytes);
}

namespace {

const Packers& packers() {
  return kernel_path() == KernelPath::avx2 ? avx2_packers() : avx512_packers();
}

// One step of a strip as f32 [32 rows][32 k].
void read_strip(const MatmulArgs& args, std::int64_t row, int rows, Depth step, float* to) {
  std::memset(to, 0, sizeof(float) * 32 * kStep);
  const std::int64_t item = static_cast<std::int64_t>(size_of(args.a.dtype)),
                     stride = args.a.stride;
  const std::byte* data = static_cast<const std::byte*>(args.a.data);
  for (std::int64_t k = 0; k < step.count; k += 16) {
    const std::int64_t count = std::min<std::int64_t>(16, step.count - k), at = step.begin + k;
    if (args.a.layout == Operand::Layout::rows)
      packers().copy({data + (row * stride + at) * item, args.a.dtype, stride},
                     {rows, count, kStep}, to + k);
    else
      packers().transpose({data + (at * stride + row) * item, args.a.dtype, stride},
                          {rows, count, kStep}, to + k);
  }
}

void pack_strip_portably(const MatmulArgs& args, std::int64_t row, int rows, Depth depth,
                         void* to) {
  alignas(64) float block[32 * kStep];
  std::uint16_t* out = static_cast<std::uint16_t*>(to);
  for (std::int64_t k = 0; k < depth.count; k += kStep, out += kStepElements) {
    read_strip(args, row, rows, {depth.begin + k, std::min(kStep, depth.count - k)}, block);
    for (int r = 0; r < 32; ++r) round_to_bf16(block + r * kStep, out + r * kStep);
  }
}

void pack_panel_portably(const MatmulArgs& args, std::int64_t col, Depth depth, void* to) {
  alignas(64) float block[kStep * kPanelWidth];
  alignas(64) std::uint32_t pairs[kPanelWidth];
  std::uint16_t* out = static_cast<std::uint16_t*>(to);
  for (std::int64_t k = 0; k < depth.count; k += kStep, out += kStepElements) {
    const std::int64_t count = std::min(kStep, depth.count - k);
    pack_panel_with(packers(), args, col, {depth.begin + k, count}, block);
    std::fill(block + count * kPanelWidth, block + kStep * kPanelWidth, 0.0f);
    for (int pair = 0; pair < 16; ++pair) {
      pair_to_bf16(block + 2 * pair * kPanelWidth, block + (2 * pair + 1) * kPanelWidth, pairs);
      std::memcpy(out + pair * 32, pairs, 64);
      std::memcpy(out + kTileElements + pair * 32, pairs + 16, 64);
    }
  }
}

// The instructions serve two kernel paths; the others pack as machines without them do.
bool packs_pairs() {
  const KernelPath path = kernel_path();
  return cpu_features().avx512_bf16 && (path == KernelPath::avx512_bf16 || path == KernelPath::amx);
}

const std::byte* element(const Operand& operand, std::int64_t at) {
  return static_cast<const std::byte*>(operand.data) +
         at * static_cast<std::int64_t>(size_of(operand.dtype));
}

void pack_strip(const MatmulArgs& args, std::int64_t row, int rows, Depth depth, void* to) {
  if (!packs_pairs()) return pack_strip_portably(args, row, rows, depth, to);
  const Operand& a = args.a;
  const bool along = a.layout == Operand::Layout::rows;
  std::uint16_t* out = static_cast<std::uint16_t*>(to);
  for (std::int64_t k = 0; k < depth.count; k += kStep)
    for (int half = 0; half < 32; half += 16, out += kTileElements) {
      const std::int64_t width = std::clamp(rows - half, 0, 16);
      const std::int64_t r = width > 0 ? row + half : row, at = depth.begin + k;
      pack_tile_of_a({element(a, along ? r * a.stride + at : at * a.stride + r), a.dtype, a.stride,
                      along, width, std::min(kStep, depth.count - k)},
                     out);
    }
}

void pack_panel(const MatmulArgs& args, std::int64_t col, Depth depth, void* to) {
  if (!packs_pairs()) return pack_panel_portably(args, col, depth, to);
  const Operand& b = args.b;
  // Of transposed panels, the 32 k of a step lie side by side in one panel of memory.
  const bool transposed_panels = b.layout == Operand::Layout::transposed_panels;
  const bool along = b.layout == Operand::Layout::transposed || transposed_panels,
             panels = b.layout == Operand::Layout::panels;
  const std::int64_t stride = panels || transposed_panels ? kPanelWidth : b.stride;
  std::uint16_t* out = static_cast<std::uint16_t*>(to);
  for (std::int64_t k = 0; k < depth.count; k += kStep)
    for (std::int64_t half = 0; half < kPanelWidth; half += 16, out += kTileElements) {
      const std::int64_t width = panels ? 16 : std::clamp<std::int64_t>(args.n - col - half, 0, 16);
      const std::int64_t n = width > 0 ? col + half : col, at = depth.begin + k;
      const std::int64_t from = panels ? (col / kPanelWidth * args.k + at) * kPanelWidth + half
                                : transposed_panels ? (at / kPanelWidth * args.n + n) * kPanelWidth
                                : along             ? n * stride + at
                                                    : at * stride + n;
      pack_tile_of_b(
          {element(b, from), b.dtype, stride, along, width, std::min(kStep, depth.count - k)}, out);
    }
}

// sums[r][n] += block[r][n] in whole rows of a panel.
void add_block(const float* block, int rows, float* sums) {
  if (packs_pairs()) return add_tiles(block, rows, sums);
  for (int i = 0; i < rows * kPanelWidth; ++i) sums[i] += block[i];
}

template <class Tiles>
void tile(const void* a, const void* b, const TileShape& shape, float* sums) {
  TileOperands operands{static_cast<const std::uint16_t*>(a), static_cast<const std::uint16_t*>(b),
                        shape.ahead};
  const bool lower = shape.rows > 16;
  bool first = shape.first;
  for (std::int64_t k = 0; k < shape.depth; k += kReductionBlock) {
    const std::int64_t steps = (std::min(kReductionBlock, shape.depth - k) + kStep - 1) / kStep;
    Tiles tiles;
    tiles.zero();
    tiles.multiply(operands, steps, lower);
    operands.a += steps * kStepElements;
    operands.b += steps * kStepElements;
    operands.ahead += steps * kStep * kAheadBytes;
    if (first) {
      tiles.store(sums, kPanelWidth, lower);
    } else {
      alignas(64) float block[32 * kPanelWidth];
      tiles.store(block, kPanelWidth, lower);
      add_block(block, shape.rows, sums);
    }
    first = false;
  }
}

template <class Tiles>
constexpr Engine kEngine{.strip_rows = 32,
                         .pads_rows = true,
                         .depth_unit = kStep,
                         .packed_bytes = 2,
                         .blocking = {.sub_depth = 1024,
                                      .strip_bytes = 512 << 10,
                                      .streamed_bytes = 512 << 10,
                                      .task_panels = 8,
                                      .ahead_bytes = kAheadBytes,
                                      .panels_first = true},
                         .pack_strip = pack_strip,
                         .pack_panel = pack_panel,
                         .tile = tile<Tiles>};

}  // namespace

const Engine& amx_emulation_engine() { return kEngine<EmulatedTiles>; }

const Engine& amx_engine() {
  static constexpr Engine engine = [] {
    Engine real = kEngine<RealTiles>;
    real.enter = RealTiles::configure;
    real.leave = RealTiles::release;
    return real;
  }();
  return engine;
}

}  // namespace stemma::kernels::cpu
