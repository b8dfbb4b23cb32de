// The metadata of a GGUF file: typed values under names such as "llama.block_count", asked for by
// name and type.
//
//   const GgufMetadata& metadata = file.metadata();          // of a GgufReader
//   metadata.string("general.architecture");                 // "llama"
//   metadata.integer("llama.block_count");                   // 30
//   metadata.floating("llama.rope.freq_base", 10000.0);      // the fallback where it is missing
//   metadata.strings("tokenizer.ggml.tokens").size();        // 49152
//
// A value is a view of its bytes in the file, which the parser has checked, and is decoded when it
// is asked for: opening a file copies no vocabulary, and a hostile count can reserve no memory.
// Strings are views as well: they live as long as the file's memory. That they are UTF-8 is not
// checked.
//
// Every accessor names the file and the key in its error: not_found (no such key), corrupt (the
// value has another type, or does not fit an int64).
//
// Source: ggml-org/ggml, docs/gguf.md, versions 2 and 3.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace stemma::checkpoint {

// The numbers are those of the file.
enum class GgufType : std::uint32_t {
  u8 = 0,
  i8 = 1,
  u16 = 2,
  i16 = 3,
  u32 = 4,
  i32 = 5,
  f32 = 6,
  boolean = 7,
  string = 8,
  array = 9,
  u64 = 10,
  i64 = 11,
  f64 = 12,
};
inline constexpr std::uint32_t kGgufTypes = 13;

std::string_view to_string(GgufType type);
// Bytes of one value: 0 for strings and arrays, whose size varies.
std::uint64_t bytes_of(GgufType type);

struct GgufValue {
  GgufType type = GgufType::u8;  // of the elements where it is an array; never GgufType::array
  bool is_array = false;
  std::uint64_t count = 1;  // of elements
  std::span<const std::byte>
      bytes;  // little endian; in an array, a u64 length precedes each string

  std::string describe() const;  // "u32", "array of 49152 string": for messages and listings
};

class GgufMetadata {
 public:
  // `where` names the file in errors.
  explicit GgufMetadata(std::string where = {}) : where_(std::move(where)) {}
  // The parser's. `value` must have been checked. False: there is such a key already.
  bool add(std::string_view key, const GgufValue& value);

  const std::string& where() const { return where_; }
  // In the order of the file.
  const std::vector<std::pair<std::string, GgufValue>>& entries() const { return entries_; }
  // Null / throws not_found where there is no such key.
  const GgufValue* find(std::string_view key) const;
  const GgufValue& at(std::string_view key) const;

  std::string_view string(std::string_view key) const;
  std::int64_t integer(std::string_view key) const;  // of any integer type
  double floating(std::string_view key) const;       // f32 or f64
  bool boolean(std::string_view key) const;

  // `fallback` where the key is missing; a value of another type is an error all the same.
  std::string_view string(std::string_view key, std::string_view fallback) const;
  std::int64_t integer(std::string_view key, std::int64_t fallback) const;
  double floating(std::string_view key, double fallback) const;
  bool boolean(std::string_view key, bool fallback) const;

  // Arrays. Empty arrays of any element type are accepted.
  std::vector<std::string_view> strings(std::string_view key) const;
  std::vector<std::int64_t> integers(std::string_view key) const;
  std::vector<double> floats(std::string_view key) const;
  std::vector<bool> booleans(std::string_view key) const;

 private:
  [[noreturn]] void refuse(std::string_view key, const GgufValue& value,
                           std::string_view wanted) const;
  std::int64_t integer_at(std::string_view key, const GgufValue& value, std::uint64_t index) const;

  std::string where_;
  std::vector<std::pair<std::string, GgufValue>> entries_;
  std::map<std::string, std::size_t, std::less<>> index_;
};

}  // namespace stemma::checkpoint
