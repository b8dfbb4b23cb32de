// From the sums of a tile to C; and for packing, from f32 to bf16, to f16 and to pairs of bf16.
#include "kernels/cpu/highway_paths.h"
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/matmul/epilogue.cc"
#include <type_traits>

#include <hwy/foreach_target.h>

#include "kernels/cpu/activation-inl.h"
#include "kernels/cpu/matmul/kernels.h"
#include "kernels/cpu/vector_math-inl.h"

HWY_BEFORE_NAMESPACE();
namespace stemma::kernels::HWY_NAMESPACE {

// The upper half of v rounded to bf16, the lower half undefined; NaN stays NaN.
HWY_INLINE hn::Vec<hn::RebindToUnsigned<F32>> rounded_bits(hn::Vec<F32> v) {
  const hn::RebindToUnsigned<F32> d32;
  const auto u = hn::BitCast(d32, v);
  const auto odd = hn::And(hn::ShiftRight<16>(u), hn::Set(d32, 1u));
  const auto rounded = hn::Add(u, hn::Add(odd, hn::Set(d32, 0x7FFFu)));
  const auto quiet = hn::Or(u, hn::Set(d32, 0x400000u));
  return hn::IfThenElse(hn::RebindMask(d32, hn::IsNaN(v)), quiet, rounded);
}

HWY_INLINE hn::Vec<F32> rounded_to_bf16(hn::Vec<F32> v) {
  const hn::RebindToUnsigned<F32> d32;
  return hn::BitCast(F32(), hn::And(rounded_bits(v), hn::Set(d32, 0xFFFF0000u)));
}

// Nothing but the scale.
template <class C>
void scaled(const MatmulArgs& args, const cpu::TilePlace& place, const float* sums) {
  const F32 d;
  const std::size_t lanes = hn::Lanes(d), cols = static_cast<std::size_t>(place.cols);
  const auto scale = hn::Set(d, args.scale);
  for (std::int64_t r = 0; r < place.rows; ++r, sums += kPanelWidth) {
    C* c = static_cast<C*>(args.c) + (place.row + r) * args.c_stride + place.col;
    std::size_t i = 0;
    for (; i + lanes <= cols; i += lanes)
      store(d, hn::Mul(hn::LoadU(d, sums + i), scale), c + i, lanes);
    if (i < cols) store(d, hn::Mul(hn::LoadU(d, sums + i), scale), c + i, cols - i);
  }
}

template <class C, Activation kind>
void epilogue_of(const MatmulArgs& args, const cpu::TilePlace& place, const float* sums) {
  const F32 d;
  const std::size_t lanes = hn::Lanes(d), cols = static_cast<std::size_t>(place.cols);
  const float* bias = static_cast<const float*>(args.bias);
  if (bias) bias += place.col;
  const auto scale = hn::Set(d, args.scale);
  for (std::int64_t r = 0; r < place.rows; ++r) {
    const std::int64_t at = (place.row + r) * args.c_stride + place.col;
    C* c = static_cast<C*>(args.c) + at;
    C* pre = args.pre ? static_cast<C*>(args.pre) + at : nullptr;
    const float* residual = static_cast<const float*>(args.residual);
    if (residual) residual += (place.row + r) * args.residual_stride + place.col;
    for (std::size_t i = 0; i < cols; i += lanes) {
      const std::size_t n = cols - i < lanes ? cols - i : lanes;
      const auto sum = hn::LoadU(d, sums + r * kPanelWidth + i);
      auto v = bias ? hn::MulAdd(sum, scale, load(d, bias + i, n)) : hn::Mul(sum, scale);
      if constexpr (std::is_same_v<C, bf16> && kind != Activation::none) v = rounded_to_bf16(v);
      if (pre) store(d, v, pre + i, n);
      v = activated<kind>(d, v);
      if (residual) v = hn::Add(v, load(d, residual + i, n));
      if (args.accumulate) v = hn::Add(load(d, c + i, n), v);
      store(d, v, c + i, n);
    }
  }
}

template <class C>
void epilogue_to(const MatmulArgs& args, const cpu::TilePlace& place, const float* sums) {
  switch (args.activation) {
    case Activation::none:
      if (!args.bias && !args.pre && !args.residual && !args.accumulate)
        return scaled<C>(args, place, sums);
      return epilogue_of<C, Activation::none>(args, place, sums);
    case Activation::gelu_tanh:
      return epilogue_of<C, Activation::gelu_tanh>(args, place, sums);
    case Activation::gelu_erf:
      return epilogue_of<C, Activation::gelu_erf>(args, place, sums);
    case Activation::relu:
      return epilogue_of<C, Activation::relu>(args, place, sums);
    case Activation::silu:
      return epilogue_of<C, Activation::silu>(args, place, sums);
    case Activation::quick_gelu:
      return epilogue_of<C, Activation::quick_gelu>(args, place, sums);
    case Activation::tanh:
      return epilogue_of<C, Activation::tanh>(args, place, sums);
  }
}

void epilogue(const MatmulArgs& args, const cpu::TilePlace& place, const float* sums) {
  if (args.c_dtype == DType::bf16)
    epilogue_to<bf16>(args, place, sums);
  else
    epilogue_to<float>(args, place, sums);
}

template <class T>
void round_32(const float* from, std::uint16_t* to) {
  const F32 d;
  for (std::size_t i = 0; i < 32; i += hn::Lanes(d))
    store(d, hn::LoadU(d, from + i), reinterpret_cast<T*>(to) + i, hn::Lanes(d));
}

void pair_32(const float* even, const float* odd, std::uint32_t* to) {
  const F32 d;
  const hn::RebindToUnsigned<F32> d32;
  const auto upper = hn::Set(d32, 0xFFFF0000u);
  for (std::size_t i = 0; i < 32; i += hn::Lanes(d)) {
    const auto low = hn::ShiftRight<16>(rounded_bits(hn::LoadU(d, even + i)));
    const auto high = hn::And(rounded_bits(hn::LoadU(d, odd + i)), upper);
    hn::StoreU(hn::Or(low, high), d32, to + i);
  }
}

}  // namespace stemma::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace stemma::kernels::cpu {
Epilogue pick_epilogue() { return STEMMA_PICK_PATH(epilogue); }
void round_to_bf16(const float* from, std::uint16_t* to) {
  STEMMA_PICK_PATH(round_32<bf16>)(from, to);
}
void round_to_f16(const float* from, std::uint16_t* to) {
  STEMMA_PICK_PATH(round_32<f16>)(from, to);
}
void pair_to_bf16(const float* even, const float* odd, std::uint32_t* to) {
  STEMMA_PICK_PATH(pair_32)(even, odd, to);
}
}  // namespace stemma::kernels::cpu
#endif
