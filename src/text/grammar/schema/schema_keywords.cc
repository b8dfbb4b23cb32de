#include "text/grammar/schema/schema_keywords.h"

#include <algorithm>
#include <array>
#include <map>
#include <string>

#include <fmt/format.h>

#include "text/grammar/limits.h"
#include "text/grammar/schema/schema_source.h"

namespace stemma::grammar {
namespace {

enum class KeywordValue {
  annotation,  // without effect
  schema,
  schemas,        // a list, not empty
  named_schemas,  // an object of schemas
  length,         // an integer from 0
  number,
  text,
  names,  // a list of strings
  values,
  any,
  type,
  refused,
};

struct Keyword {
  KeywordValue value;
  bool plain;  // about the value itself
};

const std::map<std::string_view, Keyword>& keywords() {
  using V = KeywordValue;
  static const std::map<std::string_view, Keyword> kKeywords = [] {
    std::map<std::string_view, Keyword> map;
    for (const char* name :
         {"title", "description", "default", "examples", "$schema", "$id", "id", "$comment",
          "$defs", "definitions", "deprecated", "readOnly", "writeOnly", "contentEncoding",
          "contentMediaType", "contentSchema", "discriminator", "$anchor"})
      map[name] = {V::annotation, false};
    for (const char* name : {"not",
                             "if",
                             "then",
                             "else",
                             "dependentRequired",
                             "dependentSchemas",
                             "dependencies",
                             "patternProperties",
                             "propertyNames",
                             "contains",
                             "minContains",
                             "maxContains",
                             "multipleOf",
                             "unevaluatedProperties",
                             "unevaluatedItems",
                             "additionalItems",
                             "$dynamicRef",
                             "$dynamicAnchor",
                             "$recursiveRef",
                             "$recursiveAnchor",
                             "$vocabulary",
                             "nullable"})
      map[name] = {V::refused, false};
    map.insert({{"anyOf", {V::schemas, false}},
                {"oneOf", {V::schemas, false}},
                {"allOf", {V::schemas, false}},
                {"$ref", {V::text, false}},
                {"type", {V::type, true}},
                {"enum", {V::values, true}},
                {"const", {V::any, true}},
                {"properties", {V::named_schemas, true}},
                {"required", {V::names, true}},
                {"additionalProperties", {V::schema, true}},
                {"minProperties", {V::length, true}},
                {"maxProperties", {V::length, true}},
                {"items", {V::schema, true}},
                {"prefixItems", {V::schemas, true}},
                {"minItems", {V::length, true}},
                {"maxItems", {V::length, true}},
                {"uniqueItems", {V::any, true}},
                {"minLength", {V::length, true}},
                {"maxLength", {V::length, true}},
                {"pattern", {V::text, true}},
                {"format", {V::text, true}},
                {"minimum", {V::number, true}},
                {"maximum", {V::number, true}},
                {"exclusiveMinimum", {V::number, true}},
                {"exclusiveMaximum", {V::number, true}}});
    return map;
  }();
  return kKeywords;
}

bool is_schema(const Json& value) { return value.is_bool() || value.is_object(); }

bool is_type_name(const Json& value) {
  static constexpr std::array<std::string_view, 7> kTypes = {
      "null", "boolean", "integer", "number", "string", "array", "object"};
  return value.is_string() && std::ranges::find(kTypes, value.as_string()) != kTypes.end();
}

// What the value must be; empty where it is.
std::string fault_of(const Json& value, KeywordValue wanted) {
  const auto all = [](const Json& list, auto holds) {
    return list.is_array() && std::ranges::all_of(list.as_array(), holds);
  };
  switch (wanted) {
    case KeywordValue::schema:
      return is_schema(value) ? "" : "must be a schema: an object, true or false";
    case KeywordValue::schemas:
      return all(value, is_schema) && !value.as_array().empty() ? "" : "must be a list of schemas";
    case KeywordValue::named_schemas:
      return value.is_object() && value.as_object().size() <= kMaxProperties &&
                     std::ranges::all_of(value.as_object(),
                                         [](const auto& m) { return is_schema(m.second); })
                 ? ""
                 : fmt::format("must be an object of at most {} schemas", kMaxProperties);
    case KeywordValue::length:
      return value.is_number() && value.as_double() >= 0 &&
                     value.as_double() == static_cast<double>(static_cast<std::int64_t>(
                                              std::min(value.as_double(), 1e15)))
                 ? ""
                 : "must be an integer from 0 to 10^15";
    case KeywordValue::number:
      return value.is_number() ? "" : "must be a number";
    case KeywordValue::text:
      return value.is_string() ? "" : "must be a string";
    case KeywordValue::names:
      return all(value, [](const Json& v) { return v.is_string(); }) ? ""
                                                                     : "must be a list of strings";
    case KeywordValue::values:
      return value.is_array() && !value.as_array().empty() &&
                     value.as_array().size() <= kMaxEnumValues
                 ? ""
                 : fmt::format("must be a list of 1 to {} values", kMaxEnumValues);
    case KeywordValue::type:
      return is_type_name(value) || (all(value, is_type_name) && !value.as_array().empty())
                 ? ""
                 : "must be a type of JSON, or a list of them";
    default:
      return "";
  }
}

}  // namespace

void check_keywords(const Json& schema, std::string_view pointer) {
  for (const auto& [name, value] : schema.as_object()) {
    if (name.starts_with("x-")) continue;
    const auto at = keywords().find(name);
    if (at == keywords().end())
      refuse_schema(pointer, fmt::format("the keyword {} is not known; names of annotations of "
                                         "your own begin with x-",
                                         name));
    if (at->second.value == KeywordValue::refused &&
        !(value.is_object() && value.as_object().empty() && name == "patternProperties"))
      refuse_schema(pointer, fmt::format("{} is not supported", name));
    if (const std::string fault = fault_of(value, at->second.value); !fault.empty())
      refuse_schema(pointer, fmt::format("{} {}", name, fault));
    if (name == "uniqueItems" && !(value.is_bool() && !value.as_bool()))
      refuse_schema(pointer, "uniqueItems is not supported, but for false");
    if ((name == "$id" || name == "id") && pointer != "#")
      refuse_schema(pointer, fmt::format("{} is supported at the top only", name));
  }
}

bool has_plain_keyword(const Json& schema) {
  return std::ranges::any_of(schema.as_object(), [](const Json::Member& member) {
    const auto at = keywords().find(member.first);
    return at != keywords().end() && at->second.plain;
  });
}

}  // namespace stemma::grammar
