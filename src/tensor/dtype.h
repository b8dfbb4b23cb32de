// Element types.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace stemma {

enum class DType : std::uint8_t { f32, bf16, f64, i32 };

// f64 is internal: the reference kernels serve it, gradient tests use it.
constexpr std::size_t size_of(DType type) {
  return type == DType::bf16 ? 2 : type == DType::f64 ? 8 : 4;
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
struct dtype_of<std::int32_t> {
  static constexpr DType value = DType::i32;
};

}  // namespace stemma
