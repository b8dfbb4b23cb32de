// Packing of AMX tiles with AVX512-BF16: 16 vectors of 16 pairs of k are a tile.
//
// Where k is contiguous in memory the vectors are rows of the operand, which a tile of A is made
// of; where it is not, they are pairs of its rows, which a tile of B is made of. In the other two
// cases the 16 x 16 pairs are transposed in registers.
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

#include "kernels/cpu/matmul/pack.h"
#include "kernels/cpu/matmul/tiles.h"

#define STEMMA_PAIRS \
  __attribute__((target("avx512f,avx512bw,avx512cd,avx512dq,avx512vl,avx512bf16,fma")))

namespace stemma::kernels::cpu {
namespace {

constexpr std::int64_t kFetchAlong = 64;   // k that are fetched ahead where k is contiguous
constexpr std::int64_t kFetchAcross = 32;  // and where it is not

// Words 0, 16, 1, 17, ...: pairs of two vectors of 16.
constexpr std::array<std::uint16_t, 32> halves() {
  std::array<std::uint16_t, 32> words{};
  for (std::size_t i = 0; i < 32; ++i) words[i] = static_cast<std::uint16_t>(i / 2 + i % 2 * 16);
  return words;
}
alignas(64) constexpr std::array<std::uint16_t, 32> kHalves = halves();

STEMMA_PAIRS inline __m512i pair_halves(__m512i both) {
  return _mm512_permutexvar_epi16(_mm512_load_si512(kHalves.data()), both);
}

STEMMA_PAIRS inline __m512 load16(const float* p, __mmask16 mask) {
  return _mm512_maskz_loadu_ps(mask, p);
}
STEMMA_PAIRS inline __m512 load16(const f16* p, __mmask16 mask) {
  return _mm512_cvtph_ps(_mm256_maskz_loadu_epi16(mask, p));
}

// 32 k of a row.
template <class T>
STEMMA_PAIRS inline __m512i row_of(const T* from, __mmask32 mask) {
  return (__m512i)_mm512_cvtne2ps_pbh(load16(from + 16, static_cast<__mmask16>(mask >> 16)),
                                      load16(from, static_cast<__mmask16>(mask)));
}
STEMMA_PAIRS inline __m512i row_of(const bf16* from, __mmask32 mask) {
  return _mm512_maskz_loadu_epi16(mask, from);
}

// Two k of 16 columns.
template <class T>
STEMMA_PAIRS inline __m512i pairs_of(const T* even, const T* odd, __mmask16 mask,
                                     __mmask16 odd_mask) {
  return pair_halves((__m512i)_mm512_cvtne2ps_pbh(load16(odd, odd_mask), load16(even, mask)));
}
STEMMA_PAIRS inline __m512i pairs_of(const bf16* even, const bf16* odd, __mmask16 mask,
                                     __mmask16 odd_mask) {
  const __m512i low = _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(mask, even));
  const __m512i high = _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(odd_mask, odd));
  return _mm512_or_si512(low, _mm512_slli_epi32(high, 16));
}

STEMMA_PAIRS inline void transpose(__m512i (&v)[16]) {
  __m512i u[16];
#pragma GCC unroll 4
  for (int i = 0; i < 16; i += 4) {
    const __m512i t0 = _mm512_unpacklo_epi32(v[i], v[i + 1]),
                  t1 = _mm512_unpackhi_epi32(v[i], v[i + 1]);
    const __m512i t2 = _mm512_unpacklo_epi32(v[i + 2], v[i + 3]),
                  t3 = _mm512_unpackhi_epi32(v[i + 2], v[i + 3]);
    u[i] = _mm512_unpacklo_epi64(t0, t2);
    u[i + 1] = _mm512_unpackhi_epi64(t0, t2);
    u[i + 2] = _mm512_unpacklo_epi64(t1, t3);
    u[i + 3] = _mm512_unpackhi_epi64(t1, t3);
  }
  // Quarter q of u[4 i + c] holds rows 4 i .. 4 i + 3 of column 4 q + c.
#pragma GCC unroll 4
  for (int c = 0; c < 4; ++c) {
    const __m512i x = _mm512_shuffle_i32x4(u[c], u[4 + c], 0x44),
                  y = _mm512_shuffle_i32x4(u[8 + c], u[12 + c], 0x44);
    const __m512i z = _mm512_shuffle_i32x4(u[c], u[4 + c], 0xEE),
                  w = _mm512_shuffle_i32x4(u[8 + c], u[12 + c], 0xEE);
    v[c] = _mm512_shuffle_i32x4(x, y, 0x88);
    v[4 + c] = _mm512_shuffle_i32x4(x, y, 0xDD);
    v[8 + c] = _mm512_shuffle_i32x4(z, w, 0x88);
    v[12 + c] = _mm512_shuffle_i32x4(z, w, 0xDD);
  }
}

template <class T>
STEMMA_PAIRS inline void load_along(const T* from, const TileSource& source, __m512i (&v)[16]) {
  const __mmask32 mask = source.k >= 32 ? 0xFFFFFFFFu : (1u << source.k) - 1u;
#pragma GCC unroll 16
  for (int r = 0; r < 16; ++r) {
    v[r] = _mm512_setzero_si512();
    if (r >= source.width) continue;
    v[r] = row_of(from, mask);
    _mm_prefetch(from + kFetchAlong, _MM_HINT_T1);
    if constexpr (sizeof(T) == 4) _mm_prefetch(from + kFetchAlong + 16, _MM_HINT_T1);
    from += source.stride;
  }
}

template <class T>
STEMMA_PAIRS inline void load_across(const T* from, const TileSource& source, __m512i (&v)[16]) {
  const __mmask16 mask = static_cast<__mmask16>((1u << source.width) - 1u);
  const std::int64_t far = kFetchAcross * source.stride;
#pragma GCC unroll 16
  for (int p = 0; p < 16; ++p) {
    v[p] = _mm512_setzero_si512();
    if (2 * p >= source.k) continue;
    const T* odd = from + source.stride;
    v[p] = pairs_of(from, odd, mask, 2 * p + 1 < source.k ? mask : static_cast<__mmask16>(0));
    // The rows lie far apart: no hardware prefetcher follows.
    _mm_prefetch(from + far, _MM_HINT_T1);
    _mm_prefetch(odd + far, _MM_HINT_T1);
    from = odd + source.stride;
  }
}

template <class T>
STEMMA_PAIRS void pack_from(const TileSource& source, bool rows_of_pairs, std::uint16_t* to) {
  const T* from = static_cast<const T*>(source.data);
  __m512i v[16];
  if (source.k_contiguous)
    load_along(from, source, v);
  else
    load_across(from, source, v);
  if (source.k_contiguous == rows_of_pairs) transpose(v);
#pragma GCC unroll 16
  for (int r = 0; r < 16; ++r) _mm512_storeu_si512(to + 32 * r, v[r]);
}

void pack_tile(const TileSource& source, bool rows_of_pairs, std::uint16_t* to) {
  with_element(source.dtype, [&]<class T>(T) { pack_from<T>(source, rows_of_pairs, to); });
}

}  // namespace

void pack_tile_of_a(const TileSource& source, std::uint16_t* to) { pack_tile(source, false, to); }
void pack_tile_of_b(const TileSource& source, std::uint16_t* to) { pack_tile(source, true, to); }

STEMMA_PAIRS void add_tiles(const float* block, int rows, float* sums) {
  for (int i = 0; i < rows * 32; i += 16)
    _mm512_storeu_ps(sums + i,
                     _mm512_add_ps(_mm512_loadu_ps(sums + i), _mm512_loadu_ps(block + i)));
}

}  // namespace stemma::kernels::cpu
