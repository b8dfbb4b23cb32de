// Element types of tensors, and the conversions between f32 and the two 16-bit floating-point
// types.
//
//   to_f16(1.0f / 3).bits == 0x3555;  to_float(f16{0x3555}) == 0.333251953125f
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace stemma {

// f16 is a storage type of weights only: kernels read it, and no activation has it. f64 is
// internal: the reference kernels serve it, gradient tests use it.
enum class DType : std::uint8_t { f32, bf16, f16, f64, i32 };

constexpr std::size_t size_of(DType type) {
  return type == DType::bf16 || type == DType::f16 ? 2 : type == DType::f64 ? 8 : 4;
}
std::string_view to_string(DType type);

// bfloat16: the upper half of an f32.
struct bf16 {
  std::uint16_t bits;
};

// Round to nearest even; NaN stays NaN.
constexpr bf16 to_bf16(float value) {
  const std::uint32_t u = std::bit_cast<std::uint32_t>(value);
  if ((u & 0x7FFFFFFFu) > 0x7F800000u) return {static_cast<std::uint16_t>((u >> 16) | 0x40u)};
  return {static_cast<std::uint16_t>((u + 0x7FFFu + ((u >> 16) & 1u)) >> 16)};
}
constexpr float to_float(bf16 value) {
  return std::bit_cast<float>(static_cast<std::uint32_t>(value.bits) << 16);
}

// IEEE 754 binary16: 1 sign bit, 5 exponent bits, 10 mantissa bits; up to 65,504, and denormals
// down to 2^-24.
struct f16 {
  std::uint16_t bits;
};

// Round to nearest even: from 65,520 on to infinity, below 2^-14 to a multiple of 2^-24. A NaN
// stays one, made quiet, with the upper bits of its payload, as the F16C instructions do it.
constexpr f16 to_f16(float value) {
  const std::uint32_t u = std::bit_cast<std::uint32_t>(value), magnitude = u & 0x7FFFFFFFu;
  const std::uint32_t sign = (u >> 16) & 0x8000u;
  std::uint32_t half = 0;
  if (magnitude > 0x7F800000u) {
    half = 0x7E00u | ((magnitude >> 13) & 0x3FFu);
  } else if (magnitude >= 0x477FF000u) {  // 65,520
    half = 0x7C00u;
  } else if (magnitude >= 0x38800000u) {  // 2^-14: another exponent bias, 13 bits fewer
    half = (magnitude - (112u << 23) + 0xFFFu + ((magnitude >> 13) & 1u)) >> 13;
  } else if (magnitude > 0x33000000u) {  // 2^-25, which is half way to 2^-24 and rounds to 0
    // value = mantissa · 2^(exponent - 150), to be counted in units of 2^-24.
    const std::uint32_t mantissa = (magnitude & 0x7FFFFFu) | 0x800000u;
    const std::uint32_t shift = 126u - (magnitude >> 23);
    const std::uint32_t odd = (mantissa >> shift) & 1u;
    half = (mantissa + (1u << (shift - 1)) - 1u + odd) >> shift;
  }
  return {static_cast<std::uint16_t>(sign | half)};
}

// Exact: every binary16 is an f32. A NaN is made quiet.
constexpr float to_float(f16 value) {
  const std::uint32_t sign = static_cast<std::uint32_t>(value.bits & 0x8000u) << 16;
  const std::uint32_t exponent = (value.bits >> 10) & 0x1Fu, mantissa = value.bits & 0x3FFu;
  if (exponent == 0) {  // zero or denormal: mantissa · 2^-24
    const float magnitude = static_cast<float>(mantissa) * 0x1p-24f;
    return std::bit_cast<float>(sign | std::bit_cast<std::uint32_t>(magnitude));
  }
  if (exponent == 31)
    return std::bit_cast<float>(sign | 0x7F800000u | (mantissa << 13) |
                                (mantissa != 0 ? 0x400000u : 0u));
  return std::bit_cast<float>(sign | ((exponent + 112u) << 23) | (mantissa << 13));
}

template <class T>
struct dtype_of;
template <>
struct dtype_of<float> {
  static constexpr DType value = DType::f32;
};
template <>
struct dtype_of<double> {
  static constexpr DType value = DType::f64;
};
template <>
struct dtype_of<bf16> {
  static constexpr DType value = DType::bf16;
};
template <>
struct dtype_of<f16> {
  static constexpr DType value = DType::f16;
};
template <>
struct dtype_of<std::int32_t> {
  static constexpr DType value = DType::i32;
};

}  // namespace stemma
