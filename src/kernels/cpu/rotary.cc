#include "kernels/rotary.h"

#include <cmath>
#include <utility>

#include <fmt/format.h>

#include "base/error.h"
#include "kernels/cpu/highway_paths.h"
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/rotary.cc"
#include <hwy/foreach_target.h>

#include "kernels/cpu/kernel_rows.h"
#include "kernels/cpu/vector_math-inl.h"

#ifndef STEMMA_KERNELS_CPU_ROTARY_ARGUMENTS
#define STEMMA_KERNELS_CPU_ROTARY_ARGUMENTS
namespace stemma::kernels {

template <class X>
struct RotaryRows {
  X* x = nullptr;
  std::int64_t stride = 0;
  std::int64_t heads = 0;
  std::int64_t half = 0;  // D/2
  const std::int32_t* positions = nullptr;
  const float* cos = nullptr;
  const float* sin = nullptr;
  bool back = false;
};

}  // namespace stemma::kernels
#endif

HWY_BEFORE_NAMESPACE();
namespace stemma::kernels::HWY_NAMESPACE {

template <class X>
using RotaryTag = hn::ScalableTag<std::conditional_t<std::is_same_v<X, double>, double, float>>;

HWY_INLINE hn::Vec<F32> load_angle(F32 d, const float* p, std::size_t count) {
  return load(d, p, count);
}
HWY_INLINE hn::Vec<F64> load_angle(F64 d, const float* p, std::size_t count) {
  const hn::Rebind<float, F64> d32;
  return hn::PromoteTo(
      d, count < hn::Lanes(d) ? hn::MaskedLoad(hn::FirstN(d32, count), d32, p) : hn::LoadU(d32, p));
}

// `count` pairs that lie beside each other, as the vector of their first and of their second
// elements.
template <class X>
HWY_INLINE void load_pairs(RotaryTag<X> d, const X* p, std::size_t count,
                           hn::Vec<RotaryTag<X>>& first, hn::Vec<RotaryTag<X>>& second) {
  const std::size_t lanes = hn::Lanes(d), elements = 2 * count;
  const auto low = load(d, p, elements < lanes ? elements : lanes);
  const auto high = elements > lanes ? load(d, p + lanes, elements - lanes) : hn::Zero(d);
  first = hn::ConcatEven(d, high, low);
  second = hn::ConcatOdd(d, high, low);
}

template <class X>
HWY_INLINE void store_pairs(RotaryTag<X> d, hn::Vec<RotaryTag<X>> first,
                            hn::Vec<RotaryTag<X>> second, X* p, std::size_t count) {
  using T = hn::TFromD<RotaryTag<X>>;
  const std::size_t lanes = hn::Lanes(d), elements = 2 * count;
  HWY_ALIGN T pairs[2 * HWY_LANES(T)];
  hn::StoreInterleaved2(first, second, d, pairs);
  store(d, hn::Load(d, pairs), p, elements < lanes ? elements : lanes);
  if (elements > lanes) store(d, hn::Load(d, pairs + lanes), p + lanes, elements - lanes);
}

template <RotaryPairing pairing, class X>
HWY_INLINE void rotate_head(const RotaryRows<X>& a, X* head, const float* cos_row,
                            const float* sin_row) {
  const RotaryTag<X> d;
  const std::size_t half = static_cast<std::size_t>(a.half);
  for_vectors(d, half, [&](std::size_t, std::size_t i, std::size_t n) STEMMA_LANES {
    const auto c = load_angle(d, cos_row + i, n);
    auto s = load_angle(d, sin_row + i, n);
    if (a.back) s = hn::Neg(s);
    auto first = c, second = c;
    if constexpr (pairing == RotaryPairing::halves) {
      first = load(d, head + i, n);
      second = load(d, head + half + i, n);
    } else {
      load_pairs<X>(d, head + 2 * i, n, first, second);
    }
    const auto to_first = hn::NegMulAdd(second, s, hn::Mul(first, c));
    const auto to_second = hn::MulAdd(first, s, hn::Mul(second, c));
    if constexpr (pairing == RotaryPairing::halves) {
      store(d, to_first, head + i, n);
      store(d, to_second, head + half + i, n);
    } else {
      store_pairs<X>(d, to_first, to_second, head + 2 * i, n);
    }
  });
}

template <RotaryPairing pairing, class X>
void rotate_rows(const RotaryRows<X>& a, std::int64_t begin, std::int64_t end) {
  for (std::int64_t row = begin; row < end; ++row) {
    const std::int64_t at = a.positions[row] * a.half;
    X* x = a.x + row * a.stride;
    for (std::int64_t h = 0; h < a.heads; ++h)
      rotate_head<pairing>(a, x + 2 * h * a.half, a.cos + at, a.sin + at);
  }
}

}  // namespace stemma::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace stemma::kernels {
namespace {

template <class X>
void run_rotate(Stream& stream, const RotaryTable& table, std::span<const std::int32_t> positions,
                const Tensor& x, Rotation rotation) {
  const RotarySpec& spec = table.spec();
  const RotaryRows<X> rows{.x = x.data<X>(),
                           .stride = x.row_stride(),
                           .heads = spec.rotated_heads,
                           .half = spec.head_size / 2,
                           .positions = positions.data(),
                           .cos = table.cos().data<float>(),
                           .sin = table.sin().data<float>(),
                           .back = rotation == Rotation::back};
  const auto kernel = spec.pairing == RotaryPairing::halves
                          ? STEMMA_PICK_PATH(rotate_rows<RotaryPairing::halves, X>)
                          : STEMMA_PICK_PATH(rotate_rows<RotaryPairing::neighbours, X>);
  cpu::for_rows(stream, x.rows(), spec.rotated_heads * spec.head_size,
                [&](std::int64_t begin, std::int64_t end) { kernel(rows, begin, end); });
}

}  // namespace

std::vector<float> rotary_frequencies(double base, std::int64_t head_size) {
  std::vector<float> frequencies;
  for (std::int64_t i = 0; i + 1 < head_size; i += 2) {
    const float exponent = static_cast<float>(i) / static_cast<float>(head_size);
    frequencies.push_back(1.0f / static_cast<float>(std::pow(base, exponent)));
  }
  return frequencies;
}

RotaryTable::RotaryTable(RotarySpec spec, std::int64_t positions) : spec_(std::move(spec)) {
  if (spec_.head_size <= 0 || spec_.head_size % 2 != 0 || spec_.rotated_heads <= 0 ||
      positions <= 0)
    throw Error(ErrorCode::invalid_argument,
                fmt::format("[rotary] an even head size, heads and positions are needed, got heads "
                            "of {}, {} heads and {} positions",
                            spec_.head_size, spec_.rotated_heads, positions));
  const std::int64_t half = spec_.head_size / 2;
  if (spec_.frequencies.empty())
    spec_.frequencies = rotary_frequencies(spec_.base, spec_.head_size);
  if (static_cast<std::int64_t>(spec_.frequencies.size()) != half)
    throw Error(ErrorCode::invalid_argument,
                fmt::format("[rotary] heads of {} need {} frequencies, got {}", spec_.head_size,
                            half, spec_.frequencies.size()));
  cos_ = Tensor::empty({positions, half}, DType::f32);
  sin_ = Tensor::empty({positions, half}, DType::f32);
  float* cos_at = cos_.data<float>();
  float* sin_at = sin_.data<float>();
  for (std::int64_t p = 0; p < positions; ++p)
    for (const float frequency : spec_.frequencies) {
      const double angle = static_cast<double>(static_cast<float>(p) * frequency);
      *cos_at++ = static_cast<float>(std::cos(angle)) * spec_.attention_factor;
      *sin_at++ = static_cast<float>(std::sin(angle)) * spec_.attention_factor;
    }
}

void rotate(Stream& stream, const RotaryTable& table, std::span<const std::int32_t> positions,
            const Tensor& x, Rotation rotation) {
  const std::int64_t columns = table.spec().rotated_heads * table.spec().head_size;
  if (x.cols() < columns || static_cast<std::int64_t>(positions.size()) != x.rows())
    throw Error(ErrorCode::invalid_argument,
                fmt::format("[rotate] {} positions and {} heads of {} need x [{}, >= {}], got {}",
                            positions.size(), table.spec().rotated_heads, table.spec().head_size,
                            positions.size(), columns, x ? x.shape().to_string() : "nothing"));
  for (std::size_t i = 0; i < positions.size(); ++i)
    if (positions[i] < 0 || positions[i] >= table.positions())
      throw Error(ErrorCode::invalid_argument,
                  fmt::format("[rotate] position {} of row {} is outside [0, {})", positions[i], i,
                              table.positions()));
  if (x.dtype() == DType::f32)
    run_rotate<float>(stream, table, positions, x, rotation);
  else if (x.dtype() == DType::bf16)
    run_rotate<bf16>(stream, table, positions, x, rotation);
  else if (x.dtype() == DType::f64)
    run_rotate<double>(stream, table, positions, x, rotation);
  else
    cpu::refuse_types("rotate", x, x);
}

}  // namespace stemma::kernels
#endif
