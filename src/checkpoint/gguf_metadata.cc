#include "checkpoint/gguf_metadata.h"

#include <cstring>
#include <limits>

#include <fmt/format.h>

#include "base/error.h"
#include "checkpoint/safetensors.h"

namespace stemma::checkpoint {
namespace {

struct GgufTypeRow {
  std::string_view name;
  std::uint64_t bytes;
};

constexpr GgufTypeRow kGgufTypeRows[kGgufTypes] = {
    {"u8", 1},   {"i8", 1},     {"u16", 2},   {"i16", 2}, {"u32", 4}, {"i32", 4}, {"f32", 4},
    {"bool", 1}, {"string", 0}, {"array", 0}, {"u64", 8}, {"i64", 8}, {"f64", 8}};

const GgufTypeRow& gguf_type_row(GgufType type) {
  return kGgufTypeRows[static_cast<std::size_t>(type)];
}

template <class T>
T number_at(const GgufValue& value, std::uint64_t index) {
  T number;
  std::memcpy(&number, value.bytes.data() + index * sizeof(T), sizeof(T));
  return number;
}

bool is_integer(GgufType type) {
  switch (type) {
    case GgufType::f32:
    case GgufType::f64:
    case GgufType::boolean:
    case GgufType::string:
    case GgufType::array:
      return false;
    default:
      return true;
  }
}

bool is_floating(GgufType type) { return type == GgufType::f32 || type == GgufType::f64; }

double floating_at(const GgufValue& value, std::uint64_t index) {
  return value.type == GgufType::f32 ? static_cast<double>(number_at<float>(value, index))
                                     : number_at<double>(value, index);
}

std::string_view text_of(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// An empty array says nothing about what it would hold.
bool is_array_of(const GgufValue& value, bool right_type) {
  return value.is_array && (right_type || value.count == 0);
}

}  // namespace

std::string_view to_string(GgufType type) { return gguf_type_row(type).name; }
std::uint64_t bytes_of(GgufType type) { return gguf_type_row(type).bytes; }

std::string GgufValue::describe() const {
  return is_array ? fmt::format("array of {} {}", count, to_string(type))
                  : std::string(to_string(type));
}

bool GgufMetadata::add(std::string_view key, const GgufValue& value) {
  if (!index_.emplace(key, entries_.size()).second) return false;
  entries_.emplace_back(key, value);
  return true;
}

const GgufValue* GgufMetadata::find(std::string_view key) const {
  const auto found = index_.find(key);
  return found == index_.end() ? nullptr : &entries_[found->second].second;
}

const GgufValue& GgufMetadata::at(std::string_view key) const {
  if (const GgufValue* value = find(key)) return *value;
  throw Error(ErrorCode::not_found,
              fmt::format("[gguf] {}: its metadata must have the key {}, which is missing; convert "
                          "the model again with a newer converter",
                          where_, in_quotes(key)));
}

void GgufMetadata::refuse(std::string_view key, const GgufValue& value,
                          std::string_view wanted) const {
  throw Error(
      ErrorCode::corrupt,
      fmt::format("[gguf] {}: metadata key {} must be {}, it is {}; convert the model again",
                  where_, in_quotes(key), wanted, value.describe()));
}

std::int64_t GgufMetadata::integer_at(std::string_view key, const GgufValue& value,
                                      std::uint64_t index) const {
  switch (value.type) {
    case GgufType::u8:
      return number_at<std::uint8_t>(value, index);
    case GgufType::i8:
      return number_at<std::int8_t>(value, index);
    case GgufType::u16:
      return number_at<std::uint16_t>(value, index);
    case GgufType::i16:
      return number_at<std::int16_t>(value, index);
    case GgufType::u32:
      return number_at<std::uint32_t>(value, index);
    case GgufType::i32:
      return number_at<std::int32_t>(value, index);
    case GgufType::i64:
      return number_at<std::int64_t>(value, index);
    default:
      break;
  }
  const auto number = number_at<std::uint64_t>(value, index);
  if (number > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()))
    throw Error(ErrorCode::corrupt,
                fmt::format("[gguf] {}: metadata key {} must be below 2^63, it is {}; convert the "
                            "model again",
                            where_, in_quotes(key), number));
  return static_cast<std::int64_t>(number);
}

std::string_view GgufMetadata::string(std::string_view key) const {
  const GgufValue& value = at(key);
  if (value.is_array || value.type != GgufType::string) refuse(key, value, "a string");
  return text_of(value.bytes);
}

std::int64_t GgufMetadata::integer(std::string_view key) const {
  const GgufValue& value = at(key);
  if (value.is_array || !is_integer(value.type)) refuse(key, value, "an integer");
  return integer_at(key, value, 0);
}

double GgufMetadata::floating(std::string_view key) const {
  const GgufValue& value = at(key);
  if (value.is_array || !is_floating(value.type)) refuse(key, value, "an f32 or f64");
  return floating_at(value, 0);
}

bool GgufMetadata::boolean(std::string_view key) const {
  const GgufValue& value = at(key);
  if (value.is_array || value.type != GgufType::boolean) refuse(key, value, "a bool");
  return number_at<std::uint8_t>(value, 0) != 0;
}

std::string_view GgufMetadata::string(std::string_view key, std::string_view fallback) const {
  return find(key) ? string(key) : fallback;
}

std::int64_t GgufMetadata::integer(std::string_view key, std::int64_t fallback) const {
  return find(key) ? integer(key) : fallback;
}

double GgufMetadata::floating(std::string_view key, double fallback) const {
  return find(key) ? floating(key) : fallback;
}

bool GgufMetadata::boolean(std::string_view key, bool fallback) const {
  return find(key) ? boolean(key) : fallback;
}

std::vector<std::string_view> GgufMetadata::strings(std::string_view key) const {
  const GgufValue& value = at(key);
  if (!is_array_of(value, value.type == GgufType::string)) refuse(key, value, "an array of string");
  std::vector<std::string_view> all;
  all.reserve(value.count);
  std::span<const std::byte> rest = value.bytes;
  for (std::uint64_t i = 0; i < value.count; ++i) {
    std::uint64_t length = 0;
    std::memcpy(&length, rest.data(), sizeof length);
    all.push_back(text_of(rest.subspan(sizeof length, length)));
    rest = rest.subspan(sizeof length + length);
  }
  return all;
}

std::vector<std::int64_t> GgufMetadata::integers(std::string_view key) const {
  const GgufValue& value = at(key);
  if (!is_array_of(value, is_integer(value.type))) refuse(key, value, "an array of integers");
  std::vector<std::int64_t> all(value.count);
  for (std::uint64_t i = 0; i < value.count; ++i) all[i] = integer_at(key, value, i);
  return all;
}

std::vector<double> GgufMetadata::floats(std::string_view key) const {
  const GgufValue& value = at(key);
  if (!is_array_of(value, is_floating(value.type))) refuse(key, value, "an array of f32 or f64");
  std::vector<double> all(value.count);
  for (std::uint64_t i = 0; i < value.count; ++i) all[i] = floating_at(value, i);
  return all;
}

std::vector<bool> GgufMetadata::booleans(std::string_view key) const {
  const GgufValue& value = at(key);
  if (!is_array_of(value, value.type == GgufType::boolean)) refuse(key, value, "an array of bool");
  std::vector<bool> all(value.count);
  for (std::uint64_t i = 0; i < value.count; ++i) all[i] = number_at<std::uint8_t>(value, i) != 0;
  return all;
}

}  // namespace stemma::checkpoint
