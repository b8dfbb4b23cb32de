// Loads and stores of any element type with masked tails, sums of lanes in one order for all vector
// widths, exp and the two GELUs; for files compiled per target (highway_paths.h).
//
// Everything here is the same chain of fused operations on AVX2 and AVX-512, so a kernel whose sums
// go through Sum gives the same bits on both.
#if defined(STEMMA_KERNELS_CPU_VECTOR_MATH_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef STEMMA_KERNELS_CPU_VECTOR_MATH_INL_H_
#undef STEMMA_KERNELS_CPU_VECTOR_MATH_INL_H_
#else
#define STEMMA_KERNELS_CPU_VECTOR_MATH_INL_H_
#endif

#include <cstddef>
#include <cstdint>

#include <hwy/highway.h>

#include "tensor/dtype.h"

HWY_BEFORE_NAMESPACE();
namespace stemma::kernels::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

using F32 = hn::ScalableTag<float>;
using F64 = hn::ScalableTag<double>;

// ---- Memory. `count` lanes from p, the others 0; nothing behind them is touched. ----

template <class D>
HWY_INLINE hn::Vec<D> load(D d, const hn::TFromD<D>* p, std::size_t count) {
  if (HWY_LIKELY(count >= hn::Lanes(d))) return hn::LoadU(d, p);
  return hn::MaskedLoad(hn::FirstN(d, count), d, p);
}

template <class D>
HWY_INLINE void store(D d, hn::Vec<D> v, hn::TFromD<D>* p, std::size_t count) {
  if (HWY_LIKELY(count >= hn::Lanes(d))) return hn::StoreU(v, d, p);
  hn::BlendedStore(v, hn::FirstN(d, count), d, p);
}

// bf16 is the upper half of an f32. AVX2 has no masked 16-bit access, so tails go over the stack.
HWY_INLINE hn::Vec<F32> load(F32 d, const bf16* p, std::size_t count) {
  const hn::Rebind<std::uint16_t, F32> d16;
  const hn::Rebind<std::uint32_t, F32> d32;
  const std::uint16_t* from = reinterpret_cast<const std::uint16_t*>(p);
  if (HWY_LIKELY(count >= hn::Lanes(d)))
    return hn::BitCast(d, hn::ShiftLeft<16>(hn::PromoteTo(d32, hn::LoadU(d16, from))));
  HWY_ALIGN std::uint16_t tail[HWY_LANES(float)] = {};
  for (std::size_t i = 0; i < count; ++i) tail[i] = from[i];
  return hn::BitCast(d, hn::ShiftLeft<16>(hn::PromoteTo(d32, hn::Load(d16, tail))));
}

// Round to nearest even, as to_bf16 of tensor/dtype.h does; NaN stays NaN.
HWY_INLINE void store(F32 d, hn::Vec<F32> v, bf16* p, std::size_t count) {
  const hn::Rebind<std::uint16_t, F32> d16;
  const hn::Rebind<std::uint32_t, F32> d32;
  const auto u = hn::BitCast(d32, v);
  const auto odd = hn::And(hn::ShiftRight<16>(u), hn::Set(d32, 1u));
  const auto rounded = hn::ShiftRight<16>(hn::Add(u, hn::Add(odd, hn::Set(d32, 0x7FFFu))));
  const auto quiet = hn::Or(hn::ShiftRight<16>(u), hn::Set(d32, 0x40u));
  const auto half = hn::IfThenElse(hn::RebindMask(d32, hn::IsNaN(v)), quiet, rounded);
  const auto narrow = hn::DemoteTo(d16, hn::BitCast(hn::RebindToSigned<decltype(d32)>(), half));
  std::uint16_t* to = reinterpret_cast<std::uint16_t*>(p);
  if (HWY_LIKELY(count >= hn::Lanes(d))) return hn::StoreU(narrow, d16, to);
  HWY_ALIGN std::uint16_t tail[HWY_LANES(float)];
  hn::Store(narrow, d16, tail);
  for (std::size_t i = 0; i < count; ++i) to[i] = tail[i];
}

// f16, by the F16C instructions (denormals are kept, NaN becomes quiet), as to_float and to_f16 of
// tensor/dtype.h do it.
HWY_INLINE hn::Vec<F32> load(F32 d, const f16* p, std::size_t count) {
  const hn::Rebind<std::uint16_t, F32> d16;
  const hn::Rebind<hwy::float16_t, F32> half;
  const std::uint16_t* from = reinterpret_cast<const std::uint16_t*>(p);
  if (HWY_LIKELY(count >= hn::Lanes(d)))
    return hn::PromoteTo(d, hn::BitCast(half, hn::LoadU(d16, from)));
  HWY_ALIGN std::uint16_t tail[HWY_LANES(float)] = {};
  for (std::size_t i = 0; i < count; ++i) tail[i] = from[i];
  return hn::PromoteTo(d, hn::BitCast(half, hn::Load(d16, tail)));
}

HWY_INLINE void store(F32 d, hn::Vec<F32> v, f16* p, std::size_t count) {
  const hn::Rebind<std::uint16_t, F32> d16;
  const hn::Rebind<hwy::float16_t, F32> half;
  const auto narrow = hn::BitCast(d16, hn::DemoteTo(half, v));
  std::uint16_t* to = reinterpret_cast<std::uint16_t*>(p);
  if (HWY_LIKELY(count >= hn::Lanes(d))) return hn::StoreU(narrow, d16, to);
  HWY_ALIGN std::uint16_t tail[HWY_LANES(float)];
  hn::Store(narrow, d16, tail);
  for (std::size_t i = 0; i < count; ++i) to[i] = tail[i];
}

// ---- Sums. Element i goes to lane i % kLanes of one wide accumulator; the lanes are added in
// halves (lane i and lane i + 16, then i + 8, ...): an order that no vector width changes. ----

template <class D>
struct Sum {
  static constexpr std::size_t kLanes = 128 / sizeof(hn::TFromD<D>);
  static constexpr std::size_t kVectors = 128 / HWY_MAX_BYTES;
  hn::Vec<D> part[kVectors];

  HWY_INLINE Sum() {
    for (std::size_t i = 0; i < kVectors; ++i) part[i] = hn::Zero(D());
  }
  HWY_INLINE hn::TFromD<D> total() const {
    const D d;
    hn::Vec<D> sum = hn::Add(part[0], part[kVectors / 2]);
    if constexpr (kVectors == 4) sum = hn::Add(sum, hn::Add(part[1], part[3]));
    HWY_ALIGN hn::TFromD<D> lane[HWY_MAX_BYTES / sizeof(hn::TFromD<D>)];
    hn::Store(sum, d, lane);
    std::size_t n = hn::Lanes(d);
    if constexpr (HWY_MAX_BYTES == 64) {
      n /= 2;
      for (std::size_t i = 0; i < n; ++i) lane[i] += lane[i + n];
    }
    for (n /= 2; n > 0; n /= 2)
      for (std::size_t i = 0; i < n; ++i) lane[i] += lane[i + n];
    return lane[0];
  }
};

// f(vector index in the accumulator, first element, elements) over n elements.
template <class D, class F>
HWY_INLINE void for_vectors(D d, std::size_t n, F&& f) {
  constexpr std::size_t kVectors = Sum<D>::kVectors;
  const std::size_t lanes = hn::Lanes(d);
  std::size_t i = 0;
  for (; i + kVectors * lanes <= n; i += kVectors * lanes) {
    f(0, i, lanes);
    f(1, i + lanes, lanes);
    if constexpr (kVectors == 4) {
      f(2, i + 2 * lanes, lanes);
      f(3, i + 3 * lanes, lanes);
    }
  }
  for (std::size_t v = 0; i < n; ++v, i += lanes) f(v, i, n - i < lanes ? n - i : lanes);
}

// ---- Functions of f32 ----

// e^x: 2^n · p(r), n = round(x / ln 2), |r| ≤ ln 2 / 2 (Cody and Waite 1980, chapter 6), p the
// Taylor polynomial of degree 7. Relative error < 1.5e-7; 0 below -87.3, +inf above 88.7, NaN stays
// NaN.
template <class D>
HWY_INLINE hn::Vec<D> exp(D d, hn::Vec<D> x) {
  const hn::RebindToSigned<D> di;
  // The operand order of Max and Min lets NaN through.
  x = hn::Max(hn::Set(d, -87.6f), hn::Min(hn::Set(d, 89.0f), x));
  const auto n = hn::Round(hn::Mul(x, hn::Set(d, 1.44269504f)));
  auto r = hn::NegMulAdd(n, hn::Set(d, 0.693359375f), x);
  r = hn::NegMulAdd(n, hn::Set(d, -2.12194440e-4f), r);
  auto p = hn::MulAdd(r, hn::Set(d, 1.0f / 5040), hn::Set(d, 1.0f / 720));
  p = hn::MulAdd(p, r, hn::Set(d, 1.0f / 120));
  p = hn::MulAdd(p, r, hn::Set(d, 1.0f / 24));
  p = hn::MulAdd(p, r, hn::Set(d, 1.0f / 6));
  p = hn::MulAdd(p, r, hn::Set(d, 0.5f));
  p = hn::MulAdd(p, r, hn::Set(d, 1.0f));
  p = hn::MulAdd(p, r, hn::Set(d, 1.0f));
  // 2^(n-1), and p twice: n = 128 stays in range, n = -126 becomes 0.
  const auto exponent = hn::Add(hn::ConvertTo(di, n), hn::Set(di, 126));
  const auto power = hn::BitCast(d, hn::ShiftLeft<23>(exponent));
  return hn::Mul(hn::Add(p, p), power);
}

// σ(2u) = (1 + tanh u) / 2 = 1 / (1 + e) with u = √(2/π) (x + 0.044715 x³) and e = exp(-2u): no
// cancellation for negative x.
template <class D>
HWY_INLINE hn::Vec<D> gelu_tanh_gate(D d, hn::Vec<D> x, hn::Vec<D> xx, hn::Vec<D>& e) {
  const auto one = hn::Set(d, 1.0f);
  const auto inner = hn::MulAdd(xx, hn::Set(d, 0.0713548162726f), hn::Set(d, 1.59576912161f));
  e = exp(d, hn::Neg(hn::Mul(x, inner)));
  return hn::Div(one, hn::Add(one, e));
}

template <class D>
HWY_INLINE hn::Vec<D> gelu_tanh(D d, hn::Vec<D> x) {
  auto e = x;
  return hn::Mul(x, gelu_tanh_gate(d, x, hn::Mul(x, x), e));
}

// g + x g (1 - g) · 2u', with 1 - g = e g and 2u' = √(8/π) (1 + 3 · 0.044715 x²). Beyond ±10 the
// slope is 0 or 1 in f32, and e would overflow.
template <class D>
HWY_INLINE hn::Vec<D> gelu_tanh_slope(D d, hn::Vec<D> x) {
  x = hn::Max(hn::Set(d, -10.0f), hn::Min(hn::Set(d, 10.0f), x));
  const auto xx = hn::Mul(x, x);
  auto e = x;
  const auto g = gelu_tanh_gate(d, x, xx, e);
  const auto slope = hn::MulAdd(xx, hn::Set(d, 0.214064448818f), hn::Set(d, 1.59576912161f));
  const auto spread = hn::Mul(hn::Mul(g, g), e);
  return hn::MulAdd(hn::Mul(x, spread), slope, g);
}

// Φ(x), the normal distribution function, and bell = e^(-x²/2). With a = |x| and t = 1 / (1 + 0.33
// a), Φ(-a) = e^(-a²/2) t q(t), q fitted for least relative error over [0, 13.5] (5e-8).
template <class D>
HWY_INLINE hn::Vec<D> normal_cdf(D d, hn::Vec<D> x, hn::Vec<D>& bell) {
  const auto one = hn::Set(d, 1.0f);
  const auto a = hn::Abs(x);
  bell = exp(d, hn::Mul(hn::Mul(a, a), hn::Set(d, -0.5f)));
  const auto t = hn::Div(one, hn::MulAdd(a, hn::Set(d, 0.33f), one));
  auto q = hn::MulAdd(t, hn::Set(d, -0.02118317037820816f), hn::Set(d, 0.12486837804317474f));
  q = hn::MulAdd(q, t, hn::Set(d, -0.2707945704460144f));
  q = hn::MulAdd(q, t, hn::Set(d, 0.22864708304405212f));
  q = hn::MulAdd(q, t, hn::Set(d, -0.059215568006038666f));
  q = hn::MulAdd(q, t, hn::Set(d, 0.1229240670800209f));
  q = hn::MulAdd(q, t, hn::Set(d, 0.11079460382461548f));
  q = hn::MulAdd(q, t, hn::Set(d, 0.13233906030654907f));
  q = hn::MulAdd(q, t, hn::Set(d, 0.1316201388835907f));
  const auto tail = hn::Mul(hn::Mul(bell, t), q);
  return hn::IfThenElse(hn::Lt(x, hn::Zero(d)), tail, hn::Sub(one, tail));
}

template <class D>
HWY_INLINE hn::Vec<D> gelu_erf(D d, hn::Vec<D> x) {
  auto bell = x;
  return hn::Mul(x, normal_cdf(d, x, bell));
}

// Φ(x) + x φ(x).
template <class D>
HWY_INLINE hn::Vec<D> gelu_erf_slope(D d, hn::Vec<D> x) {
  auto bell = x;
  const auto cdf = normal_cdf(d, x, bell);
  return hn::MulAdd(hn::Mul(x, bell), hn::Set(d, 0.398942280401f), cdf);
}

}  // namespace stemma::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
