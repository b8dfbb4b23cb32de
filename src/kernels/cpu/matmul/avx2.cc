// The FMA microkernels and packing for AVX2: 12 accumulators for up to 3 x 32, two of them to a
// tile.
//
// Every function here has the target attribute and internal linkage: nothing compiled for AVX2 may
// be shared with code that runs before the processor is known.
#include <algorithm>

#include <immintrin.h>

#include "kernels/cpu/matmul/kernels.h"

#define STEMMA_AVX2 __attribute__((target("avx2,fma,f16c")))
#define STEMMA_AVX2_INLINE __attribute__((target("avx2,fma,f16c"), always_inline)) inline

namespace stemma::kernels::cpu {
namespace {

STEMMA_AVX2 inline __m256 load8(const float* p) { return _mm256_loadu_ps(p); }
STEMMA_AVX2 inline __m256 load8(const bf16* p) {
  const __m128i bits = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
  return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(bits), 16));
}
STEMMA_AVX2 inline __m256 load8(const f16* p) {
  return _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
}

// Tiles of few rows stream B from memory and fetch it themselves, kPrefetchRows k ahead; the others
// find it in L1, and fetch kAheadLines of what comes next for every kAheadRows k.
constexpr int kStreamingRows = 3;
constexpr int kPrefetchRows = 16;
constexpr std::int64_t kAheadRows = 16, kAheadLines = 8;  // 16 k of a strip are a line for each row
constexpr std::int64_t kAheadBytes = 64 * kAheadLines / kAheadRows;
// Packing: rows of a copy, and columns of a transposition, that are fetched ahead.
constexpr int kFarRows = 8;
constexpr int kPrefetchColumns = 16;

constexpr int kStripRows = 6;

// What a part of a tile fetches: its own panel, what comes after the piece, the next strip.
enum class Fetch : std::uint8_t { panel, ahead, next };

// kRows of kPacked rows and 32 columns of a tile over one block of k or a part of it.
template <int kRows, int kPacked, Fetch kFetch, class B>
STEMMA_AVX2 void block_of(const float* a, const B* b, const TileShape& shape, float* sums,
                          float* chain) {
  constexpr int kVectors = kPanelWidth / 8;
  __m256 sum[kRows][kVectors];
  if (shape.resumes) {
#pragma GCC unroll 3
    for (int r = 0; r < kRows; ++r)
#pragma GCC unroll 4
      for (int v = 0; v < kVectors; ++v)
        sum[r][v] = _mm256_loadu_ps(chain + r * kPanelWidth + 8 * v);
  } else {
#pragma GCC unroll 3
    for (int r = 0; r < kRows; ++r)
#pragma GCC unroll 4
      for (int v = 0; v < kVectors; ++v) sum[r][v] = _mm256_setzero_ps();
  }
  const std::byte *ahead = shape.ahead, *next = shape.next;
  for (std::int64_t k = 0; k < shape.depth;) {
    if constexpr (kFetch == Fetch::ahead)
#pragma GCC unroll 4
      for (std::int64_t line = 0; line < kAheadLines; ++line, ahead += 64)
        _mm_prefetch(ahead, _MM_HINT_T1);
    if constexpr (kFetch == Fetch::next)
#pragma GCC unroll 6
      for (std::int64_t line = 0; line < kPacked; ++line, next += 64)
        _mm_prefetch(next, _MM_HINT_T0);
    const std::int64_t turn =
        kFetch == Fetch::panel ? shape.depth : std::min(k + kAheadRows, shape.depth);
    // Unrolled, compilers would load a column again for every row.
#pragma GCC unroll 1
    for (; k < turn; ++k) {
      if constexpr (kFetch == Fetch::panel) {
        const std::byte* line = reinterpret_cast<const std::byte*>(b + kPrefetchRows * kPanelWidth);
        _mm_prefetch(line, _MM_HINT_T0);
        if constexpr (sizeof(B) == 4) _mm_prefetch(line + 64, _MM_HINT_T0);
      }
      __m256 columns[kVectors];
#pragma GCC unroll 4
      for (int v = 0; v < kVectors; ++v) columns[v] = load8(b + 8 * v);
#pragma GCC unroll 3
      for (int r = 0; r < kRows; ++r) {
        const __m256 x = _mm256_broadcast_ss(a + r);
#pragma GCC unroll 4
        for (int v = 0; v < kVectors; ++v) sum[r][v] = _mm256_fmadd_ps(x, columns[v], sum[r][v]);
      }
      a += kPacked;
      b += kPanelWidth;
    }
  }
  float* to = shape.suspends ? chain : sums;
  const bool add = !shape.suspends && !shape.first;
#pragma GCC unroll 3
  for (int r = 0; r < kRows; ++r)
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v) {
      float* place = to + r * kPanelWidth + 8 * v;
      if (add) sum[r][v] = _mm256_add_ps(_mm256_loadu_ps(place), sum[r][v]);
      _mm256_storeu_ps(place, sum[r][v]);
    }
}

template <int kRows, class B>
STEMMA_AVX2 void tile(const float* a, const B* b, const TileShape& shape, float* sums) {
  TileShape block = shape;
  for (std::int64_t left = shape.depth; left > 0; left -= block.depth) {
    block.depth = left < kReductionBlock ? left : kReductionBlock;
    if constexpr (kRows <= kStreamingRows) {
      block_of<kRows, kRows, Fetch::panel>(a, b, block, sums, shape.chain);
    } else {
      constexpr int kUpper = (kRows + 1) / 2, kSkip = kUpper * kPanelWidth;
      block_of<kUpper, kRows, Fetch::ahead>(a, b, block, sums, shape.chain);
      block_of<kRows - kUpper, kRows, Fetch::next>(a + kUpper, b, block, sums + kSkip,
                                                   shape.chain + kSkip);
    }
    a += block.depth * kRows;
    b += block.depth * kPanelWidth;
    block.ahead += block.depth * kAheadBytes;
    block.next += block.depth * kRows * 4;
    block.first = false;
  }
}

// kBlocks whole blocks of k of one row, at once: memory gives more to several streams than to one,
// and the chains of a block do not wait for another's.
template <int kBlocks, class B>
STEMMA_AVX2 void blocks_of_row(const float* a, const B* b, bool first, float* sums) {
  constexpr int kVectors = kPanelWidth / 8;
  __m256 sum[kBlocks][kVectors] = {};
  for (std::int64_t k = 0; k < kReductionBlock; ++k, b += kPanelWidth)
#pragma GCC unroll 3
    for (int i = 0; i < kBlocks; ++i) {
      const __m256 x = _mm256_broadcast_ss(a + i * kReductionBlock + k);
#pragma GCC unroll 4
      for (int v = 0; v < kVectors; ++v) {
        const __m256 columns = load8(b + i * kReductionBlock * kPanelWidth + 8 * v);
        sum[i][v] = _mm256_fmadd_ps(x, columns, sum[i][v]);
      }
    }
#pragma GCC unroll 3
  for (int i = 0; i < kBlocks; ++i)
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v) {
      if (i > 0 || !first) sum[i][v] = _mm256_add_ps(_mm256_loadu_ps(sums + 8 * v), sum[i][v]);
      _mm256_storeu_ps(sums + 8 * v, sum[i][v]);
    }
}

template <class B>
STEMMA_AVX2 void row_tile(const float* a, const B* b, const TileShape& shape, float* sums) {
  TileShape rest = shape;
  while (!shape.resumes && rest.depth >= 2 * kReductionBlock) {
    const std::int64_t blocks = rest.depth >= 3 * kReductionBlock ? 3 : 2;
    (blocks == 3 ? blocks_of_row<3, B> : blocks_of_row<2, B>)(a, b, rest.first, sums);
    a += blocks * kReductionBlock;
    b += blocks * kReductionBlock * kPanelWidth;
    rest.depth -= blocks * kReductionBlock;
    rest.first = false;
  }
  if (rest.depth > 0) tile<1>(a, b, rest, sums);
}

// Round to nearest even to bf16 and back; NaN stays NaN.
STEMMA_AVX2 inline __m256 round_to_bf16(__m256 x) {
  const __m256i u = _mm256_castps_si256(x);
  const __m256i odd = _mm256_and_si256(_mm256_srli_epi32(u, 16), _mm256_set1_epi32(1));
  const __m256i rounded = _mm256_add_epi32(u, _mm256_add_epi32(odd, _mm256_set1_epi32(0x7FFF)));
  const __m256i quiet = _mm256_or_si256(u, _mm256_set1_epi32(0x400000));
  const __m256 nan = _mm256_cmp_ps(x, x, _CMP_UNORD_Q);
  const __m256 kept =
      _mm256_blendv_ps(_mm256_castsi256_ps(rounded), _mm256_castsi256_ps(quiet), nan);
  return _mm256_and_ps(kept, _mm256_castsi256_ps(_mm256_set1_epi32(-65536)));
}

// The first `count` (0 .. 8) of eight lanes.
STEMMA_AVX2 inline __m256i first_lanes(std::int64_t count) {
  const __m256i lanes = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
  return _mm256_cmpgt_epi32(_mm256_set1_epi32(static_cast<int>(count)), lanes);
}

STEMMA_AVX2 inline __m256 load_first(const float* p, __m256i lanes, std::int64_t) {
  return _mm256_maskload_ps(p, lanes);
}
// bf16 and f16: AVX2 has no masked load of 16-bit words.
template <class T>
STEMMA_AVX2 inline __m256 load_first(const T* p, __m256i, std::int64_t count) {
  if (count >= 8) return load8(p);
  T padded[8] = {};
  for (std::int64_t i = 0; i < count; ++i) padded[i] = p[i];
  return load8(padded);
}

// kHigh: columns 8 to 15 are written too; what is narrower overwrites them with its next row.
template <bool kHigh, bool kRound, class T>
STEMMA_AVX2 void copy_columns(const PackSource& piece, const PackShape& shape, float* to) {
  const T* from = static_cast<const T*>(piece.data);
  const std::int64_t low = shape.width < 8 ? shape.width : 8;
  const std::int64_t high = shape.width - low;
  const __m256i low_lanes = first_lanes(low), high_lanes = first_lanes(high);
  // The rows lie far apart: no hardware prefetcher follows.
  const std::int64_t far = kPrefetchRows * piece.stride;
  for (std::int64_t k = 0; k < shape.depth; ++k, from += piece.stride, to += shape.to_stride) {
    _mm_prefetch(reinterpret_cast<const std::byte*>(from + far), _MM_HINT_T0);
    const __m256 v = load_first(from, low_lanes, low);
    _mm256_storeu_ps(to, kRound ? round_to_bf16(v) : v);
    if constexpr (kHigh) {
      const __m256 w = load_first(from + 8, high_lanes, high);
      _mm256_storeu_ps(to + 8, kRound ? round_to_bf16(w) : w);
    }
  }
}

template <class T>
STEMMA_AVX2 void copy_from(const PackSource& piece, const PackShape& shape, float* to) {
  static constexpr void (*kCopies[2][2])(const PackSource&, const PackShape&, float*) = {
      {copy_columns<false, false, T>, copy_columns<false, true, T>},
      {copy_columns<true, false, T>, copy_columns<true, true, T>}};
  kCopies[shape.to_stride > 8][piece.round](piece, shape, to);
}

STEMMA_AVX2_INLINE __m128 load4(const float* p, std::int64_t count) {
  return count >= 4 ? _mm_loadu_ps(p)
                    : _mm_maskload_ps(p, _mm256_castsi256_si128(first_lanes(count)));
}
// The first `count` (0 .. 4) of four 16-bit words, the others 0.
template <class T>
STEMMA_AVX2_INLINE __m128i load4_words(const T* p, std::int64_t count) {
  std::uint64_t bits = 0;
  for (std::int64_t i = 0; i < count; ++i)
    bits |= static_cast<std::uint64_t>(p[i].bits) << (16 * i);
  return _mm_cvtsi64_si128(static_cast<long long>(bits));
}
STEMMA_AVX2_INLINE __m128 load4(const bf16* p, std::int64_t count) {
  return _mm_castsi128_ps(_mm_slli_epi32(_mm_cvtepu16_epi32(load4_words(p, count)), 16));
}
STEMMA_AVX2_INLINE __m128 load4(const f16* p, std::int64_t count) {
  return _mm_cvtph_ps(load4_words(p, count));
}

// Rows j and j + 4 of the piece side by side, four k of each; zeros past `rows`.
template <class T>
STEMMA_AVX2_INLINE __m256 two_rows(const T* from, std::int64_t stride, std::int64_t rows,
                                   std::int64_t count) {
  __m256 v = _mm256_setzero_ps();
  if (rows > 0) v = _mm256_insertf128_ps(v, load4(from, count), 0);
  if (rows > 4) v = _mm256_insertf128_ps(v, load4(from + 4 * stride, count), 1);
  return v;
}

// Up to eight rows of the piece, `count` (1 .. 4) k of each, as that many rows of `to`.
template <class T>
STEMMA_AVX2_INLINE void transpose_8x4(const T* p, const PackSource& piece, const PackShape& shape,
                                      std::int64_t count, float* to) {
  const std::int64_t stride = piece.stride, rows = shape.width;
  const __m256 r0 = two_rows(p, stride, rows, count);
  const __m256 r1 = two_rows(p + stride, stride, rows - 1, count);
  const __m256 r2 = two_rows(p + 2 * stride, stride, rows - 2, count);
  const __m256 r3 = two_rows(p + 3 * stride, stride, rows - 3, count);
  const __m256 t0 = _mm256_unpacklo_ps(r0, r1), t1 = _mm256_unpackhi_ps(r0, r1);
  const __m256 t2 = _mm256_unpacklo_ps(r2, r3), t3 = _mm256_unpackhi_ps(r2, r3);
  const __m256 columns[4] = {_mm256_shuffle_ps(t0, t2, 0x44), _mm256_shuffle_ps(t0, t2, 0xEE),
                             _mm256_shuffle_ps(t1, t3, 0x44), _mm256_shuffle_ps(t1, t3, 0xEE)};
#pragma GCC unroll 4
  for (int c = 0; c < 4; ++c) {
    if (c >= count) break;
    _mm256_storeu_ps(to + c * shape.to_stride,
                     piece.round ? round_to_bf16(columns[c]) : columns[c]);
  }
}

// kRows: of the piece if they are known, for code without branches; 0: shape.width, 0 .. 8.
template <int kRows, class T>
STEMMA_AVX2 void transpose_rows(const T* from, const PackSource& piece, PackShape shape,
                                float* to) {
  if constexpr (kRows > 0) shape.width = kRows;
  std::int64_t k = 0;
  for (; k + 4 <= shape.depth; k += 4, to += 4 * shape.to_stride) {
    if constexpr (kRows > 0)
      if (k % kPrefetchColumns == 0)
#pragma GCC unroll 8
        for (int r = 0; r < kRows; ++r)
          _mm_prefetch(reinterpret_cast<const std::byte*>(from + r * piece.stride + k +
                                                          4 * kPrefetchColumns),
                       _MM_HINT_T0);
    transpose_8x4(from + k, piece, shape, 4, to);
  }
  if (k < shape.depth) transpose_8x4(from + k, piece, shape, shape.depth - k, to);
}

template <class T>
STEMMA_AVX2 void transpose_from(const PackSource& piece, const PackShape& shape, float* to) {
  // Eight rows at a time, so that lines at strides of a power of two find room in L1 until they
  // are read; so many k that the second eight find `to` there.
  constexpr std::int64_t kChunk = 256;
  for (std::int64_t k = 0; k < shape.depth; k += kChunk)
    for (std::int64_t row = 0; row == 0 || row < std::min<std::int64_t>(shape.to_stride, 16);
         row += 8) {
      const PackShape part{std::min(kChunk, shape.depth - k),
                           std::clamp<std::int64_t>(shape.width - row, 0, 8), shape.to_stride};
      const T* from = static_cast<const T*>(piece.data) + row * piece.stride + k;
      float* out = to + k * shape.to_stride + row;
      if (part.width == 8)
        transpose_rows<8>(from, piece, part, out);
      else if (part.width == 6)
        transpose_rows<6>(from, piece, part, out);
      else
        transpose_rows<0>(from, piece, part, out);
    }
}

template <class B>
void any_tile(const void* a, const void* b, const TileShape& shape, float* sums) {
  static constexpr void (*kTiles[])(const float*, const B*, const TileShape&, float*) = {
      row_tile<B>, tile<2, B>, tile<3, B>, tile<4, B>, tile<5, B>, tile<6, B>};
  kTiles[shape.rows - 1](static_cast<const float*>(a), static_cast<const B*>(b), shape, sums);
}

#define STEMMA_PACK STEMMA_AVX2
using Vector = __m256;
constexpr int kLanes = 8;
constexpr int kStripsAtOnce = 16;
template <class T>
STEMMA_AVX2_INLINE Vector load_vector(const T* p) {
  return load8(p);
}
STEMMA_AVX2_INLINE void store_vector(float* p, Vector v) { _mm256_storeu_ps(p, v); }
#include "kernels/cpu/matmul/packers-inl.h"

}  // namespace

const Packers& avx2_packers() { return kPackers; }

const Engine& avx2_engine() {
  static constexpr Engine kEngine{.strip_rows = kStripRows,
                                  .blocking = {.sub_depth = 512,
                                               .streaming_depth = 4096,
                                               .panel_depth = 128,
                                               .strip_bytes = 200 << 10,
                                               .pack_strips = 16,
                                               .ahead_bytes = kAheadBytes,
                                               .fetches_sources = true},
                                  .pack_strip = Pack::strip,
                                  .pack_panel = Pack::panel,
                                  .pack_strips = Pack::strips,
                                  .pack_panels = Pack::panels,
                                  .tile = any_tile<float>,
                                  .tile_bf16 = any_tile<bf16>,
                                  .tile_f16 = any_tile<f16>};
  return kEngine;
}

}  // namespace stemma::kernels::cpu
