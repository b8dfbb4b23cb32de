// What several schemas ask of one value, together: types, values, bounds, lengths.
//
//   const Merged merged = merge(source, way);      // a SchemaSet of schema_source.h
//   if (merged.has(JsonType::string)) ... merged.min_length ...
//
// Properties and items stay with their schemas, because additionalProperties and items speak of
// their own schema only; the compiler asks each member of the set for them. Pure function; throws
// as schema_source.h does.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "text/grammar/schema/decimal.h"
#include "text/grammar/schema/schema_source.h"

namespace stemma::grammar {

enum class JsonType : std::uint8_t {
  null = 1,
  boolean = 2,
  integer = 4,
  fraction = 8,  // a number that is no integer; the type "number" is both
  string = 16,
  array = 32,
  object = 64,
};

struct Lengths {
  std::int64_t least = 0, most = -1;  // -1: any

  bool any() const { return least == 0 && most < 0; }
};

struct Merged {
  std::uint8_t types = 127;
  std::optional<std::vector<const Json*>> values;  // of enum and const
  DecimalRange numbers;
  Lengths length, items, properties;
  std::vector<std::string> patterns, formats;
  std::string pointer = "#";  // of a schema that takes part

  bool has(JsonType type) const { return (types & static_cast<std::uint8_t>(type)) != 0; }
};

Merged merge(const SchemaSource& source, const SchemaSet& all);

JsonType type_of(const Json& value);
// Whether a number lies in the range.
bool contains(const DecimalRange& range, const Json& number);

}  // namespace stemma::grammar
