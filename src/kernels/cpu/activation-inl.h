// The activations as functions of vectors of f32: `activated<kind>` and `activation_slope<kind>`,
// for every kernel that applies one (element-wise, epilogue of the product, gated), so all give the
// same bits. For files compiled per target (highway_paths.h).
//
// The GELUs and exp are those of vector_math-inl.h; the others are written here in the same way:
// one chain of fused operations, the same on AVX2 and AVX-512.
#if defined(STEMMA_KERNELS_CPU_ACTIVATION_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef STEMMA_KERNELS_CPU_ACTIVATION_INL_H_
#undef STEMMA_KERNELS_CPU_ACTIVATION_INL_H_
#else
#define STEMMA_KERNELS_CPU_ACTIVATION_INL_H_
#endif

#include "kernels/cpu/vector_math-inl.h"
#include "kernels/matmul.h"

HWY_BEFORE_NAMESPACE();
namespace stemma::kernels::HWY_NAMESPACE {

// σ(u) = 1 / (1 + e) with e = exp(-u).
template <class D>
HWY_INLINE hn::Vec<D> sigmoid(D d, hn::Vec<D> u, hn::Vec<D>& e) {
  const auto one = hn::Set(d, 1.0f);
  e = exp(d, hn::Neg(u));
  return hn::Div(one, hn::Add(one, e));
}

template <class D>
HWY_INLINE hn::Vec<D> silu(D d, hn::Vec<D> x) {
  auto e = x;
  return hn::Mul(x, sigmoid(d, x, e));
}

// σ(u) + u σ(u) (1 - σ(u)), with 1 - σ = e σ. Beyond ±88 the slope is 0 or 1 in f32, and e would
// overflow.
template <class D>
HWY_INLINE hn::Vec<D> silu_slope(D d, hn::Vec<D> u) {
  u = hn::Max(hn::Set(d, -88.0f), hn::Min(hn::Set(d, 88.0f), u));
  auto e = u;
  const auto s = sigmoid(d, u, e);
  return hn::MulAdd(u, hn::Mul(s, hn::Mul(s, e)), s);
}

template <class D>
HWY_INLINE hn::Vec<D> quick_gelu(D d, hn::Vec<D> x) {
  auto e = x;
  return hn::Mul(x, sigmoid(d, hn::Mul(x, hn::Set(d, 1.702f)), e));
}

// From 0.625 on (1 - e) / (1 + e) with e = exp(-2 |x|); below it, where that would cancel, x + x³
// q(x²) with q fitted for least relative error over [0, 0.625] (5e-9).
template <class D>
HWY_INLINE hn::Vec<D> tanh(D d, hn::Vec<D> x) {
  const auto one = hn::Set(d, 1.0f);
  const auto a = hn::Abs(x);
  const auto e = exp(d, hn::Mul(a, hn::Set(d, -2.0f)));
  const auto far = hn::CopySign(hn::Div(hn::Sub(one, e), hn::Add(one, e)), x);
  const auto z = hn::Mul(x, x);
  auto q = hn::MulAdd(z, hn::Set(d, -0.005704986326607644f), hn::Set(d, 0.02063908656744093f));
  q = hn::MulAdd(q, z, hn::Set(d, -0.053739714845598106f));
  q = hn::MulAdd(q, z, hn::Set(d, 0.13331442194747106f));
  q = hn::MulAdd(q, z, hn::Set(d, -0.33333281941853743f));
  const auto near = hn::MulAdd(hn::Mul(x, z), q, x);
  return hn::IfThenElse(hn::Lt(a, hn::Set(d, 0.625f)), near, far);
}

// 1 - tanh² = 4 e / (1 + e)².
template <class D>
HWY_INLINE hn::Vec<D> tanh_slope(D d, hn::Vec<D> x) {
  const auto one = hn::Set(d, 1.0f);
  const auto e = exp(d, hn::Mul(hn::Abs(x), hn::Set(d, -2.0f)));
  const auto r = hn::Div(one, hn::Add(one, e));
  return hn::Mul(hn::Mul(hn::Set(d, 4.0f), e), hn::Mul(r, r));
}

template <Activation kind, class D>
HWY_INLINE hn::Vec<D> activated(D d, hn::Vec<D> x) {
  if constexpr (kind == Activation::gelu_tanh)
    return gelu_tanh(d, x);
  else if constexpr (kind == Activation::gelu_erf)
    return gelu_erf(d, x);
  else if constexpr (kind == Activation::relu)
    return hn::Max(hn::Zero(d), x);  // in this order NaN stays NaN
  else if constexpr (kind == Activation::silu)
    return silu(d, x);
  else if constexpr (kind == Activation::quick_gelu)
    return quick_gelu(d, x);
  else if constexpr (kind == Activation::tanh)
    return tanh(d, x);
  else
    return x;
}

template <Activation kind, class D>
HWY_INLINE hn::Vec<D> activation_slope(D d, hn::Vec<D> x) {
  if constexpr (kind == Activation::gelu_tanh)
    return gelu_tanh_slope(d, x);
  else if constexpr (kind == Activation::gelu_erf)
    return gelu_erf_slope(d, x);
  else if constexpr (kind == Activation::relu)
    return hn::IfThenElseZero(hn::Gt(x, hn::Zero(d)), hn::Set(d, 1.0f));
  else if constexpr (kind == Activation::silu)
    return silu_slope(d, x);
  else if constexpr (kind == Activation::quick_gelu)
    return silu_slope(d, hn::Mul(x, hn::Set(d, 1.702f)));
  else if constexpr (kind == Activation::tanh)
    return tanh_slope(d, x);
  else
    return hn::Set(d, 1.0f);
}

}  // namespace stemma::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
