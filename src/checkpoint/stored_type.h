// The element types that a safetensors file can name, and their conversion to f32.
// Source: huggingface/safetensors, format version 0.8 (README, "Format").
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace stemma::checkpoint {

enum class StoredType : std::uint8_t {
  boolean,
  f4,
  f6_e2m3,
  f6_e3m2,
  u8,
  i8,
  f8_e5m2,
  f8_e4m3,
  f8_e8m0,
  f8_e4m3fnuz,
  f8_e5m2fnuz,
  i16,
  u16,
  f16,
  bf16,
  i32,
  u32,
  f32,
  c64,
  f64,
  i64,
  u64,
};

// By the name in the file: "F32", "BF16", ...; nothing for a name that the format does not have.
std::optional<StoredType> stored_type(std::string_view name);
std::string_view to_string(StoredType type);
std::uint64_t bits_of(StoredType type);

// Whether to_f32() can convert it: booleans, integers, f16, bf16, f32 and f64.
bool converts_to_f32(StoredType type);
// Converts out.size() elements, which lie unaligned at in.data(), rounding to nearest even.
// Throws internal where converts_to_f32() is false or `in` is too short.
void to_f32(StoredType type, std::span<const std::byte> in, std::span<float> out);

}  // namespace stemma::checkpoint
