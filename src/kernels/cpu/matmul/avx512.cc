// The FMA microkernels and packing for AVX-512.
//
// A tile of 14 x 32 keeps 28 accumulators, two vectors of B and one element of A in the 32
// registers: 28 multiply-adds for 16 loads, so neither load ports nor latency limit it.
//
// Every function here has the target attribute and internal linkage: nothing compiled for AVX-512
// may be shared with code that runs on other machines.
#if defined(__GNUC__) && !defined(__clang__)
// GCC 12 takes the deliberately undefined operands inside its own intrinsics for a mistake (PR
// 105593).
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#pragma GCC diagnostic ignored "-Wuninitialized"
#endif
#include <immintrin.h>

#include "kernels/cpu/matmul/kernels.h"

#define STEMMA_AVX512 __attribute__((target("avx512f,avx512bw,avx512cd,avx512dq,avx512vl,fma")))
#define STEMMA_AVX512_INLINE \
  __attribute__((target("avx512f,avx512bw,avx512cd,avx512dq,avx512vl,fma"), always_inline)) inline

namespace stemma::kernels::cpu {
namespace {

// Tiles of few rows stream B from memory and fetch it themselves, kPrefetchBytes ahead; the others
// find it in L2 and prefetch what comes next.
constexpr int kStreamingRows = 4;
constexpr int kPrefetchBytes = 4096;
// Packing: rows of a copy, and lines of each row of a transposition, that are fetched ahead.
constexpr int kFarRows = 8, kFarLines = 2;

constexpr int kStripRows = 14;

STEMMA_AVX512 inline __m512 load16(const float* p) { return _mm512_loadu_ps(p); }
STEMMA_AVX512 inline __m512 load16(const bf16* p) {
  const __m256i bits = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
  return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(bits), 16));
}
STEMMA_AVX512 inline __m512 load16(const f16* p) {
  return _mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
}

template <int kRows, class B>
STEMMA_AVX512 void tile(const float* a, const B* b, const TileShape& shape, float* sums) {
  bool first = shape.first;
  std::int64_t depth = shape.depth;
  const std::byte* ahead = shape.ahead;
  while (depth > 0) {
    const std::int64_t block = depth < kReductionBlock ? depth : kReductionBlock;
    __m512 left[kRows], right[kRows];
#pragma GCC unroll 14
    for (int r = 0; r < kRows; ++r) left[r] = right[r] = _mm512_setzero_ps();
    for (std::int64_t k = 0; k < block; ++k) {
      const __m512 b_left = load16(b), b_right = load16(b + 16);
      if constexpr (kRows <= kStreamingRows) {
        const std::byte* line = reinterpret_cast<const std::byte*>(b) + kPrefetchBytes;
        _mm_prefetch(line, _MM_HINT_T0);
        if constexpr (sizeof(B) == 4) _mm_prefetch(line + 64, _MM_HINT_T0);
      } else {
        _mm_prefetch(ahead, _MM_HINT_T1);
        ahead += 64;
      }
#pragma GCC unroll 14
      for (int r = 0; r < kRows; ++r) {
        const __m512 x = _mm512_set1_ps(a[r]);
        left[r] = _mm512_fmadd_ps(x, b_left, left[r]);
        right[r] = _mm512_fmadd_ps(x, b_right, right[r]);
      }
      a += kRows;
      b += kPanelWidth;
    }
#pragma GCC unroll 14
    for (int r = 0; r < kRows; ++r) {
      float* row = sums + r * kPanelWidth;
      if (!first) {
        left[r] = _mm512_add_ps(_mm512_loadu_ps(row), left[r]);
        right[r] = _mm512_add_ps(_mm512_loadu_ps(row + 16), right[r]);
      }
      _mm512_storeu_ps(row, left[r]);
      _mm512_storeu_ps(row + 16, right[r]);
    }
    first = false;
    depth -= block;
  }
}

// Round to nearest even to bf16 and back; NaN stays NaN.
STEMMA_AVX512 inline __m512 round_to_bf16(__m512 x) {
  const __m512i u = _mm512_castps_si512(x);
  const __m512i odd = _mm512_and_si512(_mm512_srli_epi32(u, 16), _mm512_set1_epi32(1));
  const __m512i rounded = _mm512_add_epi32(u, _mm512_add_epi32(odd, _mm512_set1_epi32(0x7FFF)));
  const __m512i quiet = _mm512_or_si512(u, _mm512_set1_epi32(0x400000));
  const __mmask16 nan = _mm512_cmp_ps_mask(x, x, _CMP_UNORD_Q);
  const __m512i kept = _mm512_mask_blend_epi32(nan, rounded, quiet);
  return _mm512_castsi512_ps(_mm512_and_si512(kept, _mm512_set1_epi32(-65536)));
}

STEMMA_AVX512 inline __m512 load_first(const float* p, __mmask16 mask) {
  return _mm512_maskz_loadu_ps(mask, p);
}
STEMMA_AVX512 inline __m512 load_first(const bf16* p, __mmask16 mask) {
  const __m512i bits = _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(mask, p));
  return _mm512_castsi512_ps(_mm512_slli_epi32(bits, 16));
}
STEMMA_AVX512 inline __m512 load_first(const f16* p, __mmask16 mask) {
  return _mm512_cvtph_ps(_mm256_maskz_loadu_epi16(mask, p));
}

template <class T>
STEMMA_AVX512 void copy_from(const PackSource& piece, const PackShape& shape, float* to) {
  const __mmask16 mask = static_cast<__mmask16>((1u << shape.width) - 1u);
  const T* from = static_cast<const T*>(piece.data);
  const std::int64_t far = kFarRows * piece.stride;
  for (std::int64_t k = 0; k < shape.depth; ++k, from += piece.stride, to += shape.to_stride) {
    _mm_prefetch(reinterpret_cast<const std::byte*>(from + far), _MM_HINT_T0);
    const __m512 x = load_first(from, mask);
    _mm512_storeu_ps(to, piece.round ? round_to_bf16(x) : x);
  }
}

// v[i] becomes column i of the 16 x 16 matrix whose rows v holds.
STEMMA_AVX512_INLINE void transpose_16x16(__m512 (&v)[16]) {
  __m512 pairs[16], fours[16], halves[16];
#pragma GCC unroll 8
  for (int i = 0; i < 16; i += 2) {
    pairs[i] = _mm512_unpacklo_ps(v[i], v[i + 1]);
    pairs[i + 1] = _mm512_unpackhi_ps(v[i], v[i + 1]);
  }
  // fours[4 q + c], quarter j: rows 4 q .. 4 q + 3 of column 4 j + c.
#pragma GCC unroll 4
  for (int q = 0; q < 16; q += 4)
#pragma GCC unroll 2
    for (int i = 0; i < 2; ++i) {
      const __m512d low = _mm512_castps_pd(pairs[q + i]), high = _mm512_castps_pd(pairs[q + 2 + i]);
      fours[q + 2 * i] = _mm512_castpd_ps(_mm512_unpacklo_pd(low, high));
      fours[q + 2 * i + 1] = _mm512_castpd_ps(_mm512_unpackhi_pd(low, high));
    }
#pragma GCC unroll 4
  for (int c = 0; c < 4; ++c)
#pragma GCC unroll 2
    for (int i = 0; i < 2; ++i) {
      // Quarters 0 and 2, then 1 and 3, of both.
      halves[4 * c + i] = _mm512_shuffle_f32x4(fours[8 * i + c], fours[8 * i + 4 + c], 0x88);
      halves[4 * c + 2 + i] = _mm512_shuffle_f32x4(fours[8 * i + c], fours[8 * i + 4 + c], 0xDD);
    }
#pragma GCC unroll 4
  for (int c = 0; c < 4; ++c)
#pragma GCC unroll 2
    for (int odd = 0; odd < 2; ++odd) {
      const __m512 upper = halves[4 * c + 2 * odd], lower = halves[4 * c + 2 * odd + 1];
      v[4 * odd + c] = _mm512_shuffle_f32x4(upper, lower, 0x88);
      v[8 + 4 * odd + c] = _mm512_shuffle_f32x4(upper, lower, 0xDD);
    }
}

// Up to 16 rows of the piece, 16 k of each at a time: a line of memory is read once, so it does not
// matter how many of them, at strides of a power of two, find room in L1. kRows: of the piece if
// they are known, for code without branches; 0: shape.width.
template <int kRows, class T>
STEMMA_AVX512 void transpose_rows(const PackSource& piece, const PackShape& shape, float* to) {
  constexpr std::int64_t kTurn = 16, kLine = 64 / static_cast<std::int64_t>(sizeof(T));
  const T* from = static_cast<const T*>(piece.data);
  const std::int64_t rows = kRows > 0 ? kRows : shape.width;
  for (std::int64_t k = 0; k < shape.depth; k += kTurn, from += kTurn) {
    const std::int64_t count = shape.depth - k < kTurn ? shape.depth - k : kTurn;
    const __mmask16 mask = static_cast<__mmask16>((1u << count) - 1u);
    __m512 v[16];
#pragma GCC unroll 16
    for (int r = 0; r < 16; ++r) {
      v[r] = _mm512_setzero_ps();
      if (r >= rows) continue;
      const T* row = from + r * piece.stride;
      _mm_prefetch(reinterpret_cast<const std::byte*>(row + kFarLines * kLine), _MM_HINT_T0);
      v[r] = load_first(row, mask);
    }
    transpose_16x16(v);
    if (count == kTurn && !piece.round) {
#pragma GCC unroll 16
      for (int c = 0; c < kTurn; ++c) _mm512_storeu_ps(to + c * shape.to_stride, v[c]);
      to += kTurn * shape.to_stride;
      continue;
    }
    for (int c = 0; c < count; ++c, to += shape.to_stride)
      _mm512_storeu_ps(to, piece.round ? round_to_bf16(v[c]) : v[c]);
  }
}

template <class T>
void transpose_from(const PackSource& piece, const PackShape& shape, float* to) {
  if (shape.width == kStripRows)
    transpose_rows<kStripRows, T>(piece, shape, to);
  else if (shape.width == 16)
    transpose_rows<16, T>(piece, shape, to);
  else
    transpose_rows<0, T>(piece, shape, to);
}

template <class B>
using Tile = void (*)(const float*, const B*, const TileShape&, float*);

template <class B>
void any_tile(const void* a, const void* b, const TileShape& shape, float* sums) {
  static constexpr Tile<B> kTiles[] = {
      tile<1, B>, tile<2, B>, tile<3, B>,  tile<4, B>,  tile<5, B>,  tile<6, B>,  tile<7, B>,
      tile<8, B>, tile<9, B>, tile<10, B>, tile<11, B>, tile<12, B>, tile<13, B>, tile<14, B>};
  kTiles[shape.rows - 1](static_cast<const float*>(a), static_cast<const B*>(b), shape, sums);
}

#define STEMMA_PACK STEMMA_AVX512
using Vector = __m512;
constexpr int kLanes = 16;
constexpr int kStripsAtOnce = 8;
template <class T>
STEMMA_AVX512_INLINE Vector load_vector(const T* p) {
  return load16(p);
}
STEMMA_AVX512_INLINE void store_vector(float* p, Vector v) { _mm512_storeu_ps(p, v); }
#include "kernels/cpu/matmul/packers-inl.h"

}  // namespace

const Packers& avx512_packers() { return kPackers; }

const Engine& avx512_engine() {
  static constexpr Engine kEngine{
      .strip_rows = kStripRows,
      .blocking = {.streamed_bytes = 8 << 20, .pack_strips = 8, .fetches_sources = true},
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
