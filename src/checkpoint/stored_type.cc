#include "checkpoint/stored_type.h"

#include <cstring>

#include "base/error.h"
#include "tensor/dtype.h"

namespace stemma::checkpoint {
namespace {

struct TypeRow {
  StoredType type;
  std::string_view name;
  std::uint64_t bits;
  bool converts;
};

constexpr TypeRow kTypes[] = {
    {StoredType::boolean, "BOOL", 8, true},
    {StoredType::f4, "F4", 4, false},
    {StoredType::f6_e2m3, "F6_E2M3", 6, false},
    {StoredType::f6_e3m2, "F6_E3M2", 6, false},
    {StoredType::u8, "U8", 8, true},
    {StoredType::i8, "I8", 8, true},
    {StoredType::f8_e5m2, "F8_E5M2", 8, false},
    {StoredType::f8_e4m3, "F8_E4M3", 8, false},
    {StoredType::f8_e8m0, "F8_E8M0", 8, false},
    {StoredType::f8_e4m3fnuz, "F8_E4M3FNUZ", 8, false},
    {StoredType::f8_e5m2fnuz, "F8_E5M2FNUZ", 8, false},
    {StoredType::i16, "I16", 16, true},
    {StoredType::u16, "U16", 16, true},
    {StoredType::f16, "F16", 16, true},
    {StoredType::bf16, "BF16", 16, true},
    {StoredType::i32, "I32", 32, true},
    {StoredType::u32, "U32", 32, true},
    {StoredType::f32, "F32", 32, true},
    {StoredType::c64, "C64", 64, false},
    {StoredType::f64, "F64", 64, true},
    {StoredType::i64, "I64", 64, true},
    {StoredType::u64, "U64", 64, true},
};

constexpr bool rows_follow_the_enum() {
  std::size_t i = 0;
  for (const TypeRow& row : kTypes)
    if (static_cast<std::size_t>(row.type) != i++) return false;
  return true;
}
static_assert(rows_follow_the_enum());

const TypeRow& row_of(StoredType type) { return kTypes[static_cast<std::size_t>(type)]; }

template <class T, class Convert>
void convert_each(std::span<const std::byte> in, std::span<float> out, Convert convert) {
  if (in.size() / sizeof(T) < out.size())
    throw Error(ErrorCode::internal, "[stored_type] fewer bytes than elements");
  for (std::size_t i = 0; i < out.size(); ++i) {
    T value;
    std::memcpy(&value, in.data() + i * sizeof(T), sizeof(T));
    out[i] = convert(value);
  }
}

template <class T>
void convert_numbers(std::span<const std::byte> in, std::span<float> out) {
  convert_each<T>(in, out, [](T value) { return static_cast<float>(value); });
}

}  // namespace

std::optional<StoredType> stored_type(std::string_view name) {
  for (const TypeRow& row : kTypes)
    if (row.name == name) return row.type;
  return std::nullopt;
}

std::string_view to_string(StoredType type) { return row_of(type).name; }
std::uint64_t bits_of(StoredType type) { return row_of(type).bits; }
bool converts_to_f32(StoredType type) { return row_of(type).converts; }

void to_f32(StoredType type, std::span<const std::byte> in, std::span<float> out) {
  switch (type) {
    case StoredType::boolean:
      return convert_each<std::uint8_t>(in, out, [](std::uint8_t v) { return v ? 1.0f : 0.0f; });
    case StoredType::u8:
      return convert_numbers<std::uint8_t>(in, out);
    case StoredType::i8:
      return convert_numbers<std::int8_t>(in, out);
    case StoredType::i16:
      return convert_numbers<std::int16_t>(in, out);
    case StoredType::u16:
      return convert_numbers<std::uint16_t>(in, out);
    case StoredType::f16:
      return convert_each<std::uint16_t>(in, out, [](std::uint16_t v) { return to_float(f16{v}); });
    case StoredType::bf16:
      return convert_each<std::uint16_t>(in, out,
                                         [](std::uint16_t v) { return to_float(bf16{v}); });
    case StoredType::i32:
      return convert_numbers<std::int32_t>(in, out);
    case StoredType::u32:
      return convert_numbers<std::uint32_t>(in, out);
    case StoredType::f32:
      return convert_numbers<float>(in, out);
    case StoredType::f64:
      return convert_numbers<double>(in, out);
    case StoredType::i64:
      return convert_numbers<std::int64_t>(in, out);
    case StoredType::u64:
      return convert_numbers<std::uint64_t>(in, out);
    default:
      throw Error(ErrorCode::internal,
                  "[stored_type] no conversion of " + std::string(to_string(type)) + " to f32");
  }
}

}  // namespace stemma::checkpoint
