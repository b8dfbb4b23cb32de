// The pieces that attention forward and backward are made of, per target (highway_paths.h):
// packing, a product of small matrices, dropout bits.
//
// Layouts. A tile is row-major with kTileStride floats between rows (an odd number of cache lines,
// so that a column of rows spreads over the cache). Panels hold kPanel columns of a matrix each,
// [k][kPanel], zero beyond the last column.
#if defined(STEMMA_KERNELS_CPU_ATTENTION_TILE_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef STEMMA_KERNELS_CPU_ATTENTION_TILE_INL_H_
#undef STEMMA_KERNELS_CPU_ATTENTION_TILE_INL_H_
#else
#define STEMMA_KERNELS_CPU_ATTENTION_TILE_INL_H_
#endif

#include <hwy/cache_control.h>

#include "kernels/cpu/attention/internal.h"
#include "kernels/cpu/vector_math-inl.h"

// Accumulators are arrays of registers only where every loop over them is unrolled.
#undef STEMMA_UNROLL
#if defined(__clang__)
#define STEMMA_UNROLL _Pragma("clang loop unroll(full)")
#else
#define STEMMA_UNROLL _Pragma("GCC unroll 16")
#endif

HWY_BEFORE_NAMESPACE();
namespace stemma::kernels::HWY_NAMESPACE {
namespace {

using attention::kTileRows;
using attention::kTileStride;
using Index = std::int64_t;
using V = hn::Vec<F32>;

constexpr Index kVectorLanes = HWY_LANES(float);
constexpr Index kPanel = 2 * kVectorLanes;
static_assert(kKeyPanel % kPanel == 0);
constexpr Index kStripRows = HWY_MAX_BYTES == 64 ? 12 : 6;  // 24 or 12 accumulators
static_assert(kTileRows % kStripRows == 0);

// Ranges of keys begin at a multiple of this: a multiple of the lanes of Sum, of a panel and of
// what random_bits() writes at a time.
constexpr Index kRangeStep = 64;
static_assert(kRangeStep % kPanel == 0 && kRangeStep % kKeyPanel == 0 &&
              kRangeStep % (4 * kVectorLanes) == 0);

HWY_INLINE Index smaller(Index a, Index b) { return a < b ? a : b; }
HWY_INLINE Index larger(Index a, Index b) { return a < b ? b : a; }
HWY_INLINE Index round_up(Index n, Index unit) { return (n + unit - 1) / unit * unit; }

// ---- The product: C [rows, panels · kPanel] (+)= A [rows, k] · B. Each element is one chain of
// fused multiply-adds over k ascending, from 0 or (resume) from what C holds. ----

// A: element (row, k) at a[row · kTileStride + k], or of a transposed tile at a[k · kTileStride +
// row].
enum class Lies { rows, transposed };

struct Product {
  Index k;
  const float* a;
  const float* b;  // panels
  Index b_stride;  // from panel to panel
  float* c;
  Index c_stride;
  bool resume;
};

template <Lies kLies, int kRows>
HWY_NOINLINE void strip(const Product& job) {
  const F32 d;
  constexpr Index kRow = kLies == Lies::rows ? kTileStride : 1;
  constexpr Index kStep = kLies == Lies::rows ? 1 : kTileStride;
  const float* HWY_RESTRICT a = job.a;
  const float* HWY_RESTRICT b = job.b;
  float* const c = job.c;
  const Index c_stride = job.c_stride, steps = job.k;
  V left[kRows], right[kRows];
  STEMMA_UNROLL
  for (int r = 0; r < kRows; ++r) {
    left[r] = job.resume ? hn::LoadU(d, c + r * c_stride) : hn::Zero(d);
    right[r] = job.resume ? hn::LoadU(d, c + r * c_stride + kVectorLanes) : hn::Zero(d);
  }
  for (Index k = 0; k < steps; ++k) {
    const V b_left = hn::Load(d, b), b_right = hn::Load(d, b + kVectorLanes);
    STEMMA_UNROLL
    for (int r = 0; r < kRows; ++r) {
      const V element = hn::Set(d, a[r * kRow]);
      left[r] = hn::MulAdd(element, b_left, left[r]);
      right[r] = hn::MulAdd(element, b_right, right[r]);
    }
    a += kStep;
    b += kPanel;
  }
  STEMMA_UNROLL
  for (int r = 0; r < kRows; ++r) {
    hn::StoreU(left[r], d, c + r * c_stride);
    hn::StoreU(right[r], d, c + r * c_stride + kVectorLanes);
  }
}

template <Lies kLies, int kRows = kStripRows>
HWY_INLINE void strip_of(Index rows, const Product& job) {
  if constexpr (kRows > 0) {
    if (rows == kRows) return strip<kLies, kRows>(job);
    strip_of<kLies, kRows - 1>(rows, job);
  }
}

template <Lies kLies>
HWY_INLINE void multiply(Index rows, Index panels, const Product& whole) {
  for (Index panel = 0; panel < panels; ++panel) {
    Product job = whole;
    job.b += panel * whole.b_stride;
    for (Index row = 0; row < rows; row += kStripRows) {
      job.a = whole.a + row * (kLies == Lies::rows ? kTileStride : 1);
      job.c = whole.c + row * whole.c_stride + panel * kPanel;
      strip_of<kLies>(smaller(kStripRows, rows - row), job);
    }
  }
}

// ---- Packing ----

template <class In>
const In* row_at(const attention::Rows& rows, Index row) {
  return static_cast<const In*>(rows.data) + row * rows.stride;
}

// Rows of one head lie far apart: the hardware does not foresee the next one.
template <class In>
HWY_INLINE void prefetch_row(const attention::Rows& rows, Index row, Index end, Index size) {
  if (row >= end) return;
  constexpr Index kLine = 64 / sizeof(In);
  const In* p = row_at<In>(rows, row);
  for (Index i = 0; i < size; i += kLine) hwy::Prefetch(p + i);
}
constexpr Index kPrefetchRows = 16;

using Quad = hn::CappedTag<float, 4>;
HWY_INLINE hn::Vec<Quad> load_quad(const float* p) { return hn::LoadU(Quad(), p); }
HWY_INLINE hn::Vec<Quad> load_quad(const bf16* p) {
  const hn::Rebind<std::uint16_t, Quad> d16;
  const hn::Rebind<std::uint32_t, Quad> d32;
  const auto bits = hn::LoadU(d16, reinterpret_cast<const std::uint16_t*>(p));
  return hn::BitCast(Quad(), hn::ShiftLeft<16>(hn::PromoteTo(d32, bits)));
}
HWY_INLINE float widen(float value) { return value; }
HWY_INLINE float widen(bf16 value) { return to_float(value); }

template <class In>
constexpr In kNoRow[256] = {};

// Four rows become four columns of a panel.
template <class In>
HWY_INLINE void transpose_rows(const In* const (&row)[4], Index size, float* to) {
  const Quad d;
  const hn::Repartition<double, Quad> pairs;
  Index i = 0;
  for (; i + 4 <= size; i += 4, to += 4 * kPanel) {
    const auto r0 = load_quad(row[0] + i), r1 = load_quad(row[1] + i);
    const auto r2 = load_quad(row[2] + i), r3 = load_quad(row[3] + i);
    const auto low01 = hn::BitCast(pairs, hn::InterleaveLower(d, r0, r1));
    const auto low23 = hn::BitCast(pairs, hn::InterleaveLower(d, r2, r3));
    const auto high01 = hn::BitCast(pairs, hn::InterleaveUpper(d, r0, r1));
    const auto high23 = hn::BitCast(pairs, hn::InterleaveUpper(d, r2, r3));
    hn::StoreU(hn::BitCast(d, hn::InterleaveLower(pairs, low01, low23)), d, to);
    hn::StoreU(hn::BitCast(d, hn::InterleaveUpper(pairs, low01, low23)), d, to + kPanel);
    hn::StoreU(hn::BitCast(d, hn::InterleaveLower(pairs, high01, high23)), d, to + 2 * kPanel);
    hn::StoreU(hn::BitCast(d, hn::InterleaveUpper(pairs, high01, high23)), d, to + 3 * kPanel);
  }
  for (; i < size; ++i, to += kPanel)
    for (int r = 0; r < 4; ++r) to[r] = widen(row[r][i]);
}

// Rows [begin, begin + count) of `size` elements as the columns of panels [size][kPanel].
template <class In>
void pack_transposed_as(const attention::Rows& from, Index begin, Index count, Index size,
                        float* to) {
  for (Index j = 0; j < round_up(count, kPanel); j += 4) {
    const In* row[4];
    for (Index r = 0; r < 4; ++r)
      prefetch_row<In>(from, begin + j + r + kPrefetchRows, begin + count, size);
    for (Index r = 0; r < 4; ++r)
      row[r] = j + r < count ? row_at<In>(from, begin + j + r) : kNoRow<In>;
    transpose_rows<In>(row, size, to + j / kPanel * size * kPanel + j % kPanel);
  }
}

// Keys [begin, begin + count) of a head whose keys lie in panels of kKeyPanel, as panels of kPanel.
// begin: a multiple of kKeyPanel.
template <class In>
void pack_key_panels_as(const In* head, Index begin, Index count, Index size, float* to) {
  const F32 d;
  for (Index j = 0; j < count; j += kPanel) {
    const In* from = head + (begin + j) / kKeyPanel * kKeyPanel * size + (begin + j) % kKeyPanel;
    for (Index i = 0; i < size; ++i, from += kKeyPanel, to += kPanel) {
      hn::Store(load(d, from, static_cast<std::size_t>(kVectorLanes)), d, to);
      hn::Store(load(d, from + kVectorLanes, static_cast<std::size_t>(kVectorLanes)), d,
                to + kVectorLanes);
    }
  }
}

// The same rows as the rows of panels [kKeyChunk][kPanel], kKeyChunk · kPanel apart.
template <class In>
void pack_panels_as(const attention::Rows& from, Index begin, Index count, Index size, float* to) {
  const F32 d;
  for (Index j = 0; j < count; ++j) {
    const In* row = row_at<In>(from, begin + j);
    prefetch_row<In>(from, begin + j + kPrefetchRows, begin + count, size);
    for (Index i = 0; i < round_up(size, kPanel); i += kVectorLanes) {
      const V v = i < size ? load(d, row + i, static_cast<std::size_t>(size - i)) : hn::Zero(d);
      hn::Store(v, d, to + i / kPanel * kKeyChunk * kPanel + j * kPanel + i % kPanel);
    }
  }
}

// Rows of `heads` heads, which lie side by side, as a tile: all heads of a row, then the next row.
template <class In>
void pack_tile_as(const attention::Rows& from, Index begin, Index count, Index heads, Index size,
                  float* to) {
  const F32 d;
  for (Index j = 0; j < count; ++j) {
    prefetch_row<In>(from, begin + j + kPrefetchRows, begin + count, heads * size);
    const In* row = row_at<In>(from, begin + j);
    for (Index head = 0; head < heads; ++head, row += size, to += kTileStride)
      for (Index i = 0; i < size; i += kVectorLanes)
        hn::Store(load(d, row + i, static_cast<std::size_t>(size - i)), d, to + i);
  }
}

HWY_INLINE void pack_transposed(const attention::Rows& from, Index begin, Index count, Index size,
                                float* to) {
  from.narrow ? pack_transposed_as<bf16>(from, begin, count, size, to)
              : pack_transposed_as<float>(from, begin, count, size, to);
}
HWY_INLINE void pack_key_panels(const attention::Rows& from, Index begin, Index count, Index size,
                                float* to) {
  from.narrow ? pack_key_panels_as(static_cast<const bf16*>(from.data), begin, count, size, to)
              : pack_key_panels_as(static_cast<const float*>(from.data), begin, count, size, to);
}
HWY_INLINE void pack_panels(const attention::Rows& from, Index begin, Index count, Index size,
                            float* to) {
  from.narrow ? pack_panels_as<bf16>(from, begin, count, size, to)
              : pack_panels_as<float>(from, begin, count, size, to);
}
HWY_INLINE void pack_tile(const attention::Rows& from, Index begin, Index count, Index heads,
                          Index size, float* to) {
  from.narrow ? pack_tile_as<bf16>(from, begin, count, heads, size, to)
              : pack_tile_as<float>(from, begin, count, heads, size, to);
}

// ---- Dropout ----

using U32 = hn::RebindToUnsigned<F32>;
using U64 = hn::Repartition<std::uint64_t, U32>;

// The halves of the 64-bit products of all lanes.
HWY_INLINE void multiply_wide(hn::Vec<U32> a, std::uint32_t b, hn::Vec<U32>& high,
                              hn::Vec<U32>& low) {
  const U32 d;
  const U64 wide;
  const auto factor = hn::Set(d, b);
  const auto even = hn::MulEven(a, factor);
  const auto odd = hn::MulEven(hn::BitCast(d, hn::ShiftRight<32>(hn::BitCast(wide, a))), factor);
  high = hn::OddEven(hn::BitCast(d, odd), hn::BitCast(d, hn::ShiftRight<32>(even)));
  low = hn::OddEven(hn::BitCast(d, hn::ShiftLeft<32>(odd)), hn::BitCast(d, even));
}

// Whose weights are drawn.
struct DropoutRow {
  Index head, position;  // of the query
};

// philox of base/philox.h, one counter a lane, for the keys `c0` · 4 to c0 · 4 + 3 of one query.
HWY_INLINE void philox_lanes(const attention::DropoutJob& job, const DropoutRow& row,
                             hn::Vec<U32>& c0, hn::Vec<U32>& c1, hn::Vec<U32>& c2,
                             hn::Vec<U32>& c3) {
  const U32 d;
  c1 = hn::Set(d, static_cast<std::uint32_t>(row.position));
  c2 = hn::Set(d, job.number);
  c3 = hn::Set(d, job.step);
  std::uint32_t low = job.key.low, high = job.key.high + static_cast<std::uint32_t>(row.head);
  for (int round = 0; round < 10; ++round, low += 0x9E3779B9u, high += 0xBB67AE85u) {
    auto high0 = c0, low0 = c0, high1 = c0, low1 = c0;
    multiply_wide(c0, 0xD2511F53u, high0, low0);
    multiply_wide(c2, 0xCD9E8D57u, high1, low1);
    c0 = hn::Xor(hn::Xor(high1, c1), hn::Set(d, low));
    c2 = hn::Xor(hn::Xor(high0, c3), hn::Set(d, high));
    c1 = low1;
    c3 = low0;
  }
}

// The 24 random bits of the weights of `count` keys for one query: the keys at positions
// first_key, first_key + step, ... With step 1, first_key is a multiple of 4.
HWY_INLINE void random_bits(const attention::DropoutJob& job, const DropoutRow& row,
                            Index first_key, Index step, Index count, std::uint32_t* bits) {
  const U32 d;
  auto c0 = hn::Zero(d), c1 = c0, c2 = c0, c3 = c0;
  if (step == 1) {
    for (Index j = 0; j < count; j += 4 * kVectorLanes) {
      c0 = hn::Iota(d, static_cast<std::uint32_t>((first_key + j) / 4));
      philox_lanes(job, row, c0, c1, c2, c3);
      hn::StoreInterleaved4(hn::ShiftRight<8>(c0), hn::ShiftRight<8>(c1), hn::ShiftRight<8>(c2),
                            hn::ShiftRight<8>(c3), d, bits + j);
    }
    return;
  }
  // Keys far apart share no counter: each lane takes one of its four words.
  const auto steps = hn::Set(d, static_cast<std::uint32_t>(step));
  for (Index j = 0; j < count; j += kVectorLanes) {
    const auto key = hn::Add(hn::Set(d, static_cast<std::uint32_t>(first_key + j * step)),
                             hn::Mul(hn::Iota(d, 0u), steps));
    c0 = hn::ShiftRight<2>(key);
    philox_lanes(job, row, c0, c1, c2, c3);
    const auto odd = hn::Ne(hn::And(key, hn::Set(d, 1u)), hn::Zero(d));
    const auto upper = hn::Ne(hn::And(key, hn::Set(d, 2u)), hn::Zero(d));
    const auto word =
        hn::IfThenElse(upper, hn::IfThenElse(odd, c3, c2), hn::IfThenElse(odd, c1, c0));
    hn::Store(hn::ShiftRight<8>(word), d, bits + j);
  }
}

// Lanes whose weight is kept.
HWY_INLINE hn::Mask<F32> kept(const attention::DropoutJob& job, const std::uint32_t* bits) {
  const hn::RebindToSigned<F32> d;
  const auto random = hn::BitCast(d, hn::Load(U32(), bits));
  return hn::RebindMask(F32(), hn::Not(hn::Lt(random, hn::Set(d, job.threshold))));
}

}  // namespace
}  // namespace stemma::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
