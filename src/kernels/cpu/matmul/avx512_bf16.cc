// The bf16 product on AVX512-BF16: VDPBF16PS adds a pair of products to each of 16 sums.
//
// What is packed are pairs, 32 bits each: k in the lower half, k + 1 in the upper one, a zero where
// K is odd. A strip is pair (p, r) at a[p * rows + r], a panel pair (p, n) at b[p * 32 + n], so
// that one broadcast and two vectors feed a row of the tile just as in avx512.cc, with twice
// the products in each instruction. Panels of bf16 are paired on the way where few rows read them.
//
// Every function here has the target attribute and internal linkage (avx512.cc says why).
#if defined(__GNUC__) && !defined(__clang__)
// GCC 12 takes the deliberately undefined operands inside its own intrinsics for a mistake (PR
// 105593).
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#pragma GCC diagnostic ignored "-Wuninitialized"
#endif
#include <array>

#include <immintrin.h>

#include "kernels/cpu/matmul/kernels.h"

#define STEMMA_DOT \
  __attribute__((target("avx512f,avx512bw,avx512cd,avx512dq,avx512vl,avx512bf16,fma,f16c")))

namespace stemma::kernels::cpu {
namespace {

// Tiles of few rows stream B from memory and fetch it themselves, kPrefetchRows k ahead; the others
// find it in L2 and prefetch what comes next.
constexpr int kStreamingRows = 4;
constexpr int kPrefetchRows = 32;

// The permutation that makes pairs of vectors of 16-bit words: word i and word i + `apart`.
constexpr std::array<std::uint16_t, 32> pairing(int first, int apart) {
  std::array<std::uint16_t, 32> words{};
  for (std::size_t i = 0; i < 32; ++i)
    words[i] =
        static_cast<std::uint16_t>(first + static_cast<int>(i / 2) + (i % 2 == 1 ? apart : 0));
  return words;
}
alignas(64) constexpr std::array<std::uint16_t, 32> kHalves = pairing(0, 16);
alignas(64) constexpr std::array<std::uint16_t, 32> kLeft = pairing(0, 32);
alignas(64) constexpr std::array<std::uint16_t, 32> kRight = pairing(16, 32);

STEMMA_DOT inline __m512i words(const std::array<std::uint16_t, 32>& from) {
  return _mm512_load_si512(from.data());
}

struct PairVectors {
  __m512i left, right;
};

// Packed: pairs p of a panel.
STEMMA_DOT inline PairVectors load_pairs(const std::uint32_t* b, std::int64_t) {
  return {_mm512_loadu_si512(b), _mm512_loadu_si512(b + 16)};
}
// Where they lie: two rows of a panel, `left_k` k before its end.
STEMMA_DOT inline PairVectors load_pairs(const bf16* b, std::int64_t left_k) {
  const __mmask32 odd_exists = left_k > 1 ? 0xFFFFFFFFu : 0u;
  const __m512i even = _mm512_loadu_si512(b);
  const __m512i odd = _mm512_maskz_loadu_epi16(odd_exists, b + kPanelWidth);
  return {_mm512_permutex2var_epi16(even, words(kLeft), odd),
          _mm512_permutex2var_epi16(even, words(kRight), odd)};
}

// sums + the products of pairs. Not _mm512_dpbf16_ps: clang 16 never ends compiling a broadcast
// that is cast to its vector of bf16.
STEMMA_DOT inline __m512 add_products(__m512 sums, __m512i b, __m512i x) {
  __asm__("vdpbf16ps %2, %1, %0" : "+v"(sums) : "v"(b), "v"(x));
  return sums;
}

template <int kRows, class B>
STEMMA_DOT void tile(const std::uint32_t* a, const B* b, const TileShape& shape, float* sums) {
  // In elements of B: a pair of k of a whole panel.
  constexpr std::int64_t kPair = kPanelWidth * 4 / static_cast<std::int64_t>(sizeof(B));
  bool first = shape.first;
  std::int64_t depth = shape.depth;
  const std::byte* ahead = shape.ahead;
  while (depth > 0) {
    const std::int64_t block = depth < kReductionBlock ? depth : kReductionBlock;
    __m512 left[kRows], right[kRows];
#pragma GCC unroll 14
    for (int r = 0; r < kRows; ++r) left[r] = right[r] = _mm512_setzero_ps();
    for (std::int64_t k = 0; k < block; k += 2) {
      const PairVectors pairs = load_pairs(b, block - k);
      if constexpr (kRows <= kStreamingRows) {
        const std::byte* line = reinterpret_cast<const std::byte*>(b + kPrefetchRows / 2 * kPair);
        _mm_prefetch(line, _MM_HINT_T0);
        _mm_prefetch(line + 64, _MM_HINT_T0);
      } else {
        _mm_prefetch(ahead, _MM_HINT_T1);
        _mm_prefetch(ahead + 64, _MM_HINT_T1);
        ahead += 128;
      }
#pragma GCC unroll 14
      for (int r = 0; r < kRows; ++r) {
        const __m512i x = _mm512_set1_epi32(static_cast<int>(a[r]));
        left[r] = add_products(left[r], pairs.left, x);
        right[r] = add_products(right[r], pairs.right, x);
      }
      a += kRows;
      b += kPair;
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

STEMMA_DOT inline __m512 load16(const float* p, __mmask16 mask) {
  return _mm512_maskz_loadu_ps(mask, p);
}
STEMMA_DOT inline __m512 load16(const f16* p, __mmask16 mask) {
  return _mm512_cvtph_ps(_mm256_maskz_loadu_epi16(mask, p));
}
STEMMA_DOT inline __m256 load8(const float* p, __mmask8 mask) {
  return _mm256_maskz_loadu_ps(mask, p);
}
STEMMA_DOT inline __m256 load8(const f16* p, __mmask8 mask) {
  return _mm256_cvtph_ps(_mm_maskz_loadu_epi16(mask, p));
}

// Sixteen pairs of [even | odd] in f32 or f16, the instruction rounding as to_bf16 does (denormals
// become 0).
template <class T>
STEMMA_DOT inline __m512i pair_rows(const T* even, const T* odd, __mmask16 mask,
                                    __mmask16 odd_mask) {
  const __m512i both = (__m512i)_mm512_cvtne2ps_pbh(load16(odd, odd_mask), load16(even, mask));
  return _mm512_permutexvar_epi16(words(kHalves), both);
}
STEMMA_DOT inline __m512i pair_rows(const bf16* even, const bf16* odd, __mmask16 mask,
                                    __mmask16 odd_mask) {
  const __m512i both =
      _mm512_inserti64x4(_mm512_castsi256_si512(_mm256_maskz_loadu_epi16(mask, even)),
                         _mm256_maskz_loadu_epi16(odd_mask, odd), 1);
  return _mm512_permutexvar_epi16(words(kHalves), both);
}

template <class T>
STEMMA_DOT void copy_from(const PackSource& piece, const PackShape& shape, float* to) {
  const __mmask16 mask = static_cast<__mmask16>((1u << shape.width) - 1u);
  const T* from = static_cast<const T*>(piece.data);
  const std::int64_t far = kPrefetchRows * piece.stride;
  for (std::int64_t k = 0; k < shape.depth; k += 2, to += shape.to_stride) {
    const T* odd = from + piece.stride;
    // The rows lie far apart: no hardware prefetcher follows.
    _mm_prefetch(from + far, _MM_HINT_T0);
    _mm_prefetch(odd + far, _MM_HINT_T0);
    const __mmask16 odd_mask = k + 1 < shape.depth ? mask : static_cast<__mmask16>(0);
    _mm512_storeu_si512(to, pair_rows(from, odd, mask, odd_mask));
    from = odd + piece.stride;
  }
}

void copy(const PackSource& piece, const PackShape& shape, float* to) {
  with_element(piece.dtype, [&]<class T>(T) { copy_from<T>(piece, shape, to); });
}

// Rows j, j + 4, j + 8 and j + 12 of the piece side by side, eight k of each as four pairs; zeros
// past `rows`.
template <class T>
STEMMA_DOT inline __m512 four_rows(const T* from, std::int64_t stride, int rows, __mmask8 mask) {
  __m512 lower = _mm512_setzero_ps(), upper = _mm512_setzero_ps();
  if (rows > 0) lower = _mm512_insertf32x8(lower, load8(from, mask), 0);
  if (rows > 4) lower = _mm512_insertf32x8(lower, load8(from + 4 * stride, mask), 1);
  if (rows > 8) upper = _mm512_insertf32x8(upper, load8(from + 8 * stride, mask), 0);
  if (rows > 12) upper = _mm512_insertf32x8(upper, load8(from + 12 * stride, mask), 1);
  return (__m512)_mm512_cvtne2ps_pbh(upper, lower);
}
STEMMA_DOT inline __m512 four_rows(const bf16* from, std::int64_t stride, int rows, __mmask8 mask) {
  __m512i v = _mm512_setzero_si512();
  if (rows > 0) v = _mm512_inserti32x4(v, _mm_maskz_loadu_epi16(mask, from), 0);
  if (rows > 4) v = _mm512_inserti32x4(v, _mm_maskz_loadu_epi16(mask, from + 4 * stride), 1);
  if (rows > 8) v = _mm512_inserti32x4(v, _mm_maskz_loadu_epi16(mask, from + 8 * stride), 2);
  if (rows > 12) v = _mm512_inserti32x4(v, _mm_maskz_loadu_epi16(mask, from + 12 * stride), 3);
  return _mm512_castsi512_ps(v);
}

template <class T>
STEMMA_DOT void transpose_from(const PackSource& piece, const PackShape& shape, float* to) {
  const T* from = static_cast<const T*>(piece.data);
  const int rows = static_cast<int>(shape.width);
  for (std::int64_t k = 0; k < shape.depth; k += 8) {
    const std::int64_t count = shape.depth - k < 8 ? shape.depth - k : 8;
    const __mmask8 mask = static_cast<__mmask8>((1u << count) - 1u);
    const T* p = from + k;
    const __m512 r0 = four_rows(p, piece.stride, rows, mask);
    const __m512 r1 = four_rows(p + piece.stride, piece.stride, rows - 1, mask);
    const __m512 r2 = four_rows(p + 2 * piece.stride, piece.stride, rows - 2, mask);
    const __m512 r3 = four_rows(p + 3 * piece.stride, piece.stride, rows - 3, mask);
    // A 4 x 4 transposition in each quarter: quarter q of column c holds rows 4 q .. 4 q + 3 of
    // pair c.
    const __m512 t0 = _mm512_unpacklo_ps(r0, r1), t1 = _mm512_unpackhi_ps(r0, r1);
    const __m512 t2 = _mm512_unpacklo_ps(r2, r3), t3 = _mm512_unpackhi_ps(r2, r3);
    const __m512 columns[4] = {_mm512_shuffle_ps(t0, t2, 0x44), _mm512_shuffle_ps(t0, t2, 0xEE),
                               _mm512_shuffle_ps(t1, t3, 0x44), _mm512_shuffle_ps(t1, t3, 0xEE)};
    for (int c = 0; c < (count + 1) / 2; ++c, to += shape.to_stride)
      _mm512_storeu_ps(to, columns[c]);
  }
}

void transpose(const PackSource& piece, const PackShape& shape, float* to) {
  with_element(piece.dtype, [&]<class T>(T) { transpose_from<T>(piece, shape, to); });
}

template <class B>
using Tile = void (*)(const std::uint32_t*, const B*, const TileShape&, float*);

template <class B>
void any_tile(const void* a, const void* b, const TileShape& shape, float* sums) {
  static constexpr Tile<B> kTiles[] = {
      tile<1, B>, tile<2, B>, tile<3, B>,  tile<4, B>,  tile<5, B>,  tile<6, B>,  tile<7, B>,
      tile<8, B>, tile<9, B>, tile<10, B>, tile<11, B>, tile<12, B>, tile<13, B>, tile<14, B>};
  kTiles[shape.rows - 1](static_cast<const std::uint32_t*>(a), static_cast<const B*>(b), shape,
                         sums);
}

constexpr Packers kPackers{.copy = copy, .transpose = transpose, .row_depth = 2};
using Pack = PackWith<kPackers>;

}  // namespace

const Engine& avx512_bf16_engine() {
  static constexpr Engine kEngine{.strip_rows = 14,
                                  .depth_unit = 2,
                                  .packed_bytes = 2,
                                  .pack_strip = Pack::strip,
                                  .pack_panel = Pack::panel,
                                  .tile = any_tile<std::uint32_t>,
                                  .tile_bf16 = any_tile<bf16>};
  return kEngine;
}

}  // namespace stemma::kernels::cpu
