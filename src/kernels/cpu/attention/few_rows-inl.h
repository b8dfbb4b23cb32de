// Attention of a few query rows, per target: a token that is being written has one row a head, so
// every key and value is used once or a few times, and packing them first would cost more than the
// products. Keys are read from the panels of a cache and values from their rows, where they lie.
// Each element is the same chain of multiply-adds as in tile-inl.h, so the bits are the same.
#if defined(STEMMA_KERNELS_CPU_ATTENTION_FEW_ROWS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef STEMMA_KERNELS_CPU_ATTENTION_FEW_ROWS_INL_H_
#undef STEMMA_KERNELS_CPU_ATTENTION_FEW_ROWS_INL_H_
#else
#define STEMMA_KERNELS_CPU_ATTENTION_FEW_ROWS_INL_H_
#endif

#include "kernels/cpu/attention/tile-inl.h"

HWY_BEFORE_NAMESPACE();
namespace stemma::kernels::HWY_NAMESPACE {
namespace {

constexpr int kFewRows = HWY_MAX_BYTES == 64 ? 8 : 6;
constexpr int kWideRows = HWY_MAX_BYTES == 64 ? 6 : 3;  // with four vectors each: 24, 12 sums
constexpr Index kPrefetchBytes = 4096;
static_assert(kFewRows <= kTileRows);

// Scores of kRows rows against keys in panels, from the first key of a panel on.
//   q [kRows, size] and c [kRows, keys rounded up to kPanel]: tiles
template <class In, int kRows>
HWY_NOINLINE void panel_scores(const In* HWY_RESTRICT k, Index keys, Index size,
                               const float* HWY_RESTRICT q, float* HWY_RESTRICT c) {
  const F32 d;
  constexpr Index kLine = 64 / sizeof(In), kAhead = kPrefetchBytes / sizeof(In);
  constexpr auto kAll = static_cast<std::size_t>(kVectorLanes);
  for (Index j = 0; j < keys; j += kPanel, c += kPanel) {
    const In* b = k + j / kKeyPanel * kKeyPanel * size + j % kKeyPanel;
    V left[kRows], right[kRows];
    STEMMA_UNROLL
    for (int r = 0; r < kRows; ++r) left[r] = right[r] = hn::Zero(d);
    for (Index i = 0; i < size; ++i, b += kKeyPanel) {
      if (j % kKeyPanel == 0)
        for (Index line = 0; line < kKeyPanel; line += kLine) hwy::Prefetch(b + kAhead + line);
      const V b_left = load(d, b, kAll), b_right = load(d, b + kVectorLanes, kAll);
      STEMMA_UNROLL
      for (int r = 0; r < kRows; ++r) {
        const V element = hn::Set(d, q[r * kTileStride + i]);
        left[r] = hn::MulAdd(element, b_left, left[r]);
        right[r] = hn::MulAdd(element, b_right, right[r]);
      }
    }
    STEMMA_UNROLL
    for (int r = 0; r < kRows; ++r) {
      hn::StoreU(left[r], d, c + r * kTileStride);
      hn::StoreU(right[r], d, c + r * kTileStride + kVectorLanes);
    }
  }
}

template <class In, int kRows = kFewRows>
HWY_INLINE void panel_scores_of(Index rows, const In* k, Index keys, Index size, const float* q,
                                float* c) {
  if constexpr (kRows > 0) {
    if (rows == kRows) return panel_scores<In, kRows>(k, keys, size, q, c);
    panel_scores_of<In, kRows - 1>(rows, k, keys, size, q, c);
  }
}

// Scores of `rows` rows against the keys [begin, begin + keys) of a head in panels. begin: a
// multiple of kKeyPanel.
HWY_INLINE void few_scores(const attention::Rows& k, Index begin, Index keys, Index rows,
                           Index size, const float* q, float* c) {
  const Index first = begin * size;
  k.narrow ? panel_scores_of(rows, static_cast<const bf16*>(k.data) + first, keys, size, q, c)
           : panel_scores_of(rows, static_cast<const float*>(k.data) + first, keys, size, q, c);
}

// The weighted sums of some columns of V, whose rows are `stride` apart.
//   weights [kRows, keys] and out [kRows, kVectors vectors]: tiles
template <int kVectors, class In, int kRows>
HWY_NOINLINE void sum_values(Index keys, const float* HWY_RESTRICT weights, const In* v,
                             Index stride, float* out) {
  const F32 d;
  constexpr Index kLine = 64 / sizeof(In);
  V sum[kRows][kVectors];
  STEMMA_UNROLL
  for (int r = 0; r < kRows; ++r) {
    STEMMA_UNROLL
    for (int i = 0; i < kVectors; ++i) sum[r][i] = hn::Zero(d);
  }
  for (Index k = 0; k < keys; ++k, v += stride) {
    const In* ahead = v + smaller(kPrefetchRows, keys - 1 - k) * stride;
    for (Index i = 0; i < kVectors * kVectorLanes; i += kLine) hwy::Prefetch(ahead + i);
    V value[kVectors];
    STEMMA_UNROLL
    for (int i = 0; i < kVectors; ++i)
      value[i] = load(d, v + i * kVectorLanes, static_cast<std::size_t>(kVectorLanes));
    STEMMA_UNROLL
    for (int r = 0; r < kRows; ++r) {
      const V weight = hn::Set(d, weights[r * kTileStride + k]);
      STEMMA_UNROLL
      for (int i = 0; i < kVectors; ++i) sum[r][i] = hn::MulAdd(weight, value[i], sum[r][i]);
    }
  }
  STEMMA_UNROLL
  for (int r = 0; r < kRows; ++r) {
    STEMMA_UNROLL
    for (int i = 0; i < kVectors; ++i)
      hn::StoreU(sum[r][i], d, out + r * kTileStride + i * kVectorLanes);
  }
}

template <int kVectors, class In, int kRows>
HWY_INLINE void sum_values_of(Index rows, Index keys, const float* weights, const In* v,
                              Index stride, float* out) {
  if constexpr (kRows > 0) {
    if (rows == kRows) return sum_values<kVectors, In, kRows>(keys, weights, v, stride, out);
    sum_values_of<kVectors, In, kRows - 1>(rows, keys, weights, v, stride, out);
  }
}

template <class In>
HWY_INLINE void few_values_as(const attention::Rows& v, Index begin, Index keys, Index rows,
                              Index size, const float* weights, float* out) {
  const In* from = row_at<In>(v, begin);
  Index c = 0;
  if (rows <= kWideRows)
    for (; c + 2 * kPanel <= size; c += 2 * kPanel)
      sum_values_of<4, In, kWideRows>(rows, keys, weights, from + c, v.stride, out + c);
  for (; c < size; c += kPanel)
    sum_values_of<2, In, kFewRows>(rows, keys, weights, from + c, v.stride, out + c);
}

// Sums of the values [begin, begin + keys) with the weights of each row: out [rows, size], a tile.
// size: a multiple of kPanel.
HWY_INLINE void few_values(const attention::Rows& v, Index begin, Index keys, Index rows,
                           Index size, const float* weights, float* out) {
  v.narrow ? few_values_as<bf16>(v, begin, keys, rows, size, weights, out)
           : few_values_as<float>(v, begin, keys, rows, size, weights, out);
}

}  // namespace
}  // namespace stemma::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
