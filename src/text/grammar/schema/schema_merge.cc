#include "text/grammar/schema/schema_merge.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "text/grammar/limits.h"

namespace stemma::grammar {
namespace {

std::uint8_t type_bits(const std::string& name) {
  static constexpr std::pair<std::string_view, std::uint8_t> kBits[] = {
      {"null", 1},    {"boolean", 2}, {"integer", 4}, {"number", 12},
      {"string", 16}, {"array", 32},  {"object", 64}};
  return std::ranges::find(kBits, name, &std::pair<std::string_view, std::uint8_t>::first)->second;
}

// -1, 0 or 1 as a is less than, equal to or greater than b.
int compare(const Decimal& a, const Decimal& b) {
  if (a.negative != b.negative) return a.negative ? -1 : 1;
  int order = 0;
  if (a.whole.size() != b.whole.size())
    order = a.whole.size() < b.whole.size() ? -1 : 1;
  else if (a.whole != b.whole)
    order = a.whole < b.whole ? -1 : 1;
  else if (a.fraction != b.fraction)
    order = a.fraction < b.fraction ? -1 : 1;
  return a.negative ? -order : order;
}

void add_bound(std::optional<DecimalBound>& bound, const Json& schema, const char* keyword,
               const char* exclusive_keyword, int tighter) {
  for (const char* name : {keyword, exclusive_keyword}) {
    const Json* value = schema.find(name);
    if (value == nullptr) continue;
    const DecimalBound found = {Decimal::of(*value), name == exclusive_keyword};
    const int order = bound ? compare(found.value, bound->value) : tighter;
    if (order == tighter || (order == 0 && found.exclusive)) bound = found;
  }
}

void add_lengths(Lengths& lengths, const Json& schema, const char* least, const char* most) {
  if (const Json* value = schema.find(least))
    lengths.least = std::max(lengths.least, static_cast<std::int64_t>(value->as_double()));
  if (const Json* value = schema.find(most)) {
    const auto limit = static_cast<std::int64_t>(value->as_double());
    lengths.most = lengths.most < 0 ? limit : std::min(lengths.most, limit);
  }
}

void add_types(Merged& merged, const Json& type) {
  std::uint8_t bits = 0;
  if (type.is_string()) {
    bits = type_bits(type.as_string());
  } else {
    for (const Json& one : type.as_array())
      bits = static_cast<std::uint8_t>(bits | type_bits(one.as_string()));
  }
  merged.types = static_cast<std::uint8_t>(merged.types & bits);
}

// The same text for values that are equal: 1 and 1.0 are, the order of members does not count.
std::string canonical_text(const Json& value) {
  std::string text;
  if (value.is_array()) {
    for (const Json& item : value.as_array()) text += canonical_text(item) + ",";
    return "[" + text + "]";
  }
  if (value.is_object()) {
    std::map<std::string, const Json*> members;
    for (const auto& [name, member] : value.as_object()) members[name] = &member;
    for (const auto& [name, member] : members)
      text += Json(name).dump() + ":" + canonical_text(*member) + ",";
    return "{" + text + "}";
  }
  if (!value.is_number()) return value.dump();
  const Decimal number = Decimal::of(value);
  return fmt::format("{}{}.{}", number.negative ? "-" : "", number.whole, number.fraction);
}

void add_values(Merged& merged, const Json& schema) {
  const auto keep = [&](const std::vector<const Json*>& list) {
    if (!merged.values) {
      merged.values = list;
      return;
    }
    std::set<std::string> texts;
    for (const Json* one : list) texts.insert(canonical_text(*one));
    std::erase_if(*merged.values,
                  [&](const Json* value) { return !texts.contains(canonical_text(*value)); });
  };
  if (const Json* value = schema.find("const")) keep({value});
  if (const Json* values = schema.find("enum")) {
    std::vector<const Json*> list;
    for (const Json& value : values->as_array()) list.push_back(&value);
    keep(list);
  }
}

void check_limit(const Merged& merged, const Lengths& lengths, const char* what) {
  if (lengths.least > kMaxRepeat || lengths.most > kMaxRepeat)
    refuse_schema(merged.pointer, fmt::format("{} must be at most {}", what, kMaxRepeat));
}

void add_schema(Merged& merged, const Json& schema) {
  if (const Json* type = schema.find("type")) add_types(merged, *type);
  add_values(merged, schema);
  add_bound(merged.numbers.low, schema, "minimum", "exclusiveMinimum", 1);
  add_bound(merged.numbers.high, schema, "maximum", "exclusiveMaximum", -1);
  add_lengths(merged.length, schema, "minLength", "maxLength");
  add_lengths(merged.items, schema, "minItems", "maxItems");
  add_lengths(merged.properties, schema, "minProperties", "maxProperties");
  if (const Json* pattern = schema.find("pattern")) merged.patterns.push_back(pattern->as_string());
  if (const Json* format = schema.find("format")) merged.formats.push_back(format->as_string());
}

}  // namespace

Merged merge(const SchemaSource& source, const SchemaSet& all) {
  Merged merged;
  if (!all.empty()) merged.pointer = source.pointer(all.front());
  for (const SchemaId id : all) add_schema(merged, source.schema(id));
  if (merged.has(JsonType::string)) check_limit(merged, merged.length, "minLength and maxLength");
  if (merged.has(JsonType::array)) check_limit(merged, merged.items, "minItems and maxItems");
  return merged;
}

JsonType type_of(const Json& value) {
  if (value.is_null()) return JsonType::null;
  if (value.is_bool()) return JsonType::boolean;
  if (value.is_string()) return JsonType::string;
  if (value.is_array()) return JsonType::array;
  if (value.is_object()) return JsonType::object;
  return value.is_int() || std::floor(value.as_double()) == value.as_double() ? JsonType::integer
                                                                              : JsonType::fraction;
}

bool contains(const DecimalRange& range, const Json& number) {
  const Decimal value = Decimal::of(number);
  const auto inside = [&](const std::optional<DecimalBound>& bound, int sign) {
    if (!bound) return true;
    const int order = sign * compare(value, bound->value);
    return order > 0 || (order == 0 && !bound->exclusive);
  };
  return inside(range.low, 1) && inside(range.high, -1);
}

}  // namespace stemma::grammar
