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

#include "kernels/cpu/matmul_kernels.h"

#define STEMMA_AVX512 __attribute__((target("avx512f,avx512bw,avx512cd,avx512dq,avx512vl,fma")))

namespace stemma::kernels::cpu {
namespace {

// Tiles of few rows stream B from memory and fetch it themselves, kPrefetchRows k ahead; the others
// find it in the second cache and fetch what comes next.
constexpr int kStreamingRows = 4;
constexpr int kPrefetchRows = 16;

STEMMA_AVX512 inline __m512 load16(const float* p) { return _mm512_loadu_ps(p); }
STEMMA_AVX512 inline __m512 load16(const bf16* p) {
  const __m256i bits = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
  return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(bits), 16));
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
        const std::byte* line = reinterpret_cast<const std::byte*>(b + kPrefetchRows * kPanelWidth);
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

STEMMA_AVX512 void copy(const PackSource& piece, const PackShape& shape, float* to) {
  const __mmask16 mask = static_cast<__mmask16>((1u << shape.width) - 1u);
  if (piece.dtype == DType::bf16) {
    const bf16* from = static_cast<const bf16*>(piece.data);
    for (std::int64_t k = 0; k < shape.depth; ++k, from += piece.stride, to += shape.to_stride) {
      const __m512i bits = _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(mask, from));
      _mm512_storeu_ps(to, _mm512_castsi512_ps(_mm512_slli_epi32(bits, 16)));
    }
    return;
  }
  const float* from = static_cast<const float*>(piece.data);
  if (piece.round) {
    for (std::int64_t k = 0; k < shape.depth; ++k, from += piece.stride, to += shape.to_stride)
      _mm512_storeu_ps(to, round_to_bf16(_mm512_maskz_loadu_ps(mask, from)));
  } else {
    // The rows lie far apart: no hardware prefetcher follows.
    const std::int64_t far = kPrefetchRows * piece.stride;
    for (std::int64_t k = 0; k < shape.depth; ++k, from += piece.stride, to += shape.to_stride) {
      _mm_prefetch(from + far, _MM_HINT_T0);
      _mm512_storeu_ps(to, _mm512_maskz_loadu_ps(mask, from));
    }
  }
}

STEMMA_AVX512 inline __m128 load4(const float* p, __mmask8 mask) {
  return _mm_maskz_loadu_ps(mask, p);
}
STEMMA_AVX512 inline __m128 load4(const bf16* p, __mmask8 mask) {
  const __m128i bits = _mm_maskz_loadu_epi16(mask, p);
  return _mm_castsi128_ps(_mm_slli_epi32(_mm_cvtepu16_epi32(bits), 16));
}

// Rows j, j + 4, j + 8 and j + 12 of the piece side by side, four k of each; zeros past `rows`.
template <class T>
STEMMA_AVX512 inline __m512 four_rows(const T* from, std::int64_t stride, int rows, __mmask8 mask) {
  __m512 v = _mm512_setzero_ps();
  if (rows > 0) v = _mm512_insertf32x4(v, load4(from, mask), 0);
  if (rows > 4) v = _mm512_insertf32x4(v, load4(from + 4 * stride, mask), 1);
  if (rows > 8) v = _mm512_insertf32x4(v, load4(from + 8 * stride, mask), 2);
  if (rows > 12) v = _mm512_insertf32x4(v, load4(from + 12 * stride, mask), 3);
  return v;
}

template <class T>
STEMMA_AVX512 void transpose_from(const PackSource& piece, const PackShape& shape, float* to) {
  const T* from = static_cast<const T*>(piece.data);
  const int rows = static_cast<int>(shape.width);
  for (std::int64_t k = 0; k < shape.depth; k += 4) {
    const std::int64_t count = shape.depth - k < 4 ? shape.depth - k : 4;
    const __mmask8 mask = static_cast<__mmask8>((1u << count) - 1u);
    const T* p = from + k;
    const __m512 r0 = four_rows(p, piece.stride, rows, mask);
    const __m512 r1 = four_rows(p + piece.stride, piece.stride, rows - 1, mask);
    const __m512 r2 = four_rows(p + 2 * piece.stride, piece.stride, rows - 2, mask);
    const __m512 r3 = four_rows(p + 3 * piece.stride, piece.stride, rows - 3, mask);
    // A 4 x 4 transposition in each quarter: quarter q of column c holds rows 4 q .. 4 q + 3 of k +
    // c.
    const __m512 t0 = _mm512_unpacklo_ps(r0, r1), t1 = _mm512_unpackhi_ps(r0, r1);
    const __m512 t2 = _mm512_unpacklo_ps(r2, r3), t3 = _mm512_unpackhi_ps(r2, r3);
    __m512 columns[4] = {_mm512_shuffle_ps(t0, t2, 0x44), _mm512_shuffle_ps(t0, t2, 0xEE),
                         _mm512_shuffle_ps(t1, t3, 0x44), _mm512_shuffle_ps(t1, t3, 0xEE)};
    for (int c = 0; c < count; ++c, to += shape.to_stride)
      _mm512_storeu_ps(to, piece.round ? round_to_bf16(columns[c]) : columns[c]);
  }
}

STEMMA_AVX512 void transpose(const PackSource& piece, const PackShape& shape, float* to) {
  if (piece.dtype == DType::bf16)
    transpose_from<bf16>(piece, shape, to);
  else
    transpose_from<float>(piece, shape, to);
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

constexpr Packers kPackers{copy, transpose};

void pack_strip(const MatmulArgs& args, std::int64_t row, int rows, Depth depth, void* to) {
  pack_strip_with(kPackers, args, row, rows, depth, static_cast<float*>(to));
}
void pack_panel(const MatmulArgs& args, std::int64_t col, Depth depth, void* to) {
  pack_panel_with(kPackers, args, col, depth, static_cast<float*>(to));
}

}  // namespace

const Packers& avx512_packers() { return kPackers; }

const Engine& avx512_engine() {
  static constexpr Engine kEngine{.strip_rows = 14,
                                  .pack_strip = pack_strip,
                                  .pack_panel = pack_panel,
                                  .tile = any_tile<float>,
                                  .tile_bf16 = any_tile<bf16>};
  return kEngine;
}

}  // namespace stemma::kernels::cpu
