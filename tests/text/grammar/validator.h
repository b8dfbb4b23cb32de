// An independent check of values against JSON schemas: by the values, without automata.
//
//   is_valid(schema, schema, Json::parse(text, "test"));
//
// For the keywords of docs/constrained-output.md, by the standard's words, with these differences:
// oneOf is anyOf, patterns and formats are not checked.
#pragma once

#include <algorithm>
#include <cmath>
#include <string>

#include "base/json.h"

namespace stemma::grammar {

inline bool same_value(const Json& a, const Json& b) {
  if (a.is_number() && b.is_number()) return a.as_double() == b.as_double();
  if (a.is_object() && b.is_object()) {
    if (a.as_object().size() != b.as_object().size()) return false;
    for (const auto& [name, value] : a.as_object())
      if (b.find(name) == nullptr || !same_value(value, b.at(name))) return false;
    return true;
  }
  if (a.is_array() && b.is_array())
    return std::equal(a.as_array().begin(), a.as_array().end(), b.as_array().begin(),
                      b.as_array().end(), same_value);
  return a.dump() == b.dump();
}

inline bool has_type(const std::string& type, const Json& value) {
  if (type == "integer")
    return value.is_number() && std::floor(value.as_double()) == value.as_double();
  return (type == "null" && value.is_null()) || (type == "boolean" && value.is_bool()) ||
         (type == "number" && value.is_number()) || (type == "string" && value.is_string()) ||
         (type == "array" && value.is_array()) || (type == "object" && value.is_object());
}

inline const Json& lookup(const Json& root, std::string reference) {
  const Json* at = &root;
  for (std::size_t begin = 2; begin <= reference.size();) {
    const std::size_t end = std::min(reference.find('/', begin), reference.size());
    std::string key = reference.substr(begin, end - begin);
    for (const auto& [from, to] : {std::pair("~1", "/"), std::pair("~0", "~")})
      for (std::size_t i; (i = key.find(from)) != std::string::npos;) key.replace(i, 2, to);
    at = &at->at(key);
    begin = end + 1;
  }
  return *at;
}

inline bool is_valid(const Json& root, const Json& schema, const Json& value);

inline bool valid_object(const Json& root, const Json& schema, const Json& value) {
  if (const Json* required = schema.find("required"))
    for (const Json& name : required->as_array())
      if (value.find(name.as_string()) == nullptr) return false;
  const auto count = static_cast<double>(value.as_object().size());
  if (schema.find("minProperties") && count < schema.at("minProperties").as_double()) return false;
  if (schema.find("maxProperties") && count > schema.at("maxProperties").as_double()) return false;
  for (const auto& [name, member] : value.as_object()) {
    const Json* properties = schema.find("properties");
    const Json* known = properties == nullptr ? nullptr : properties->find(name);
    if (known == nullptr) known = schema.find("additionalProperties");
    if (known != nullptr && !is_valid(root, *known, member)) return false;
  }
  return true;
}

inline bool valid_array(const Json& root, const Json& schema, const Json& value) {
  const auto count = static_cast<double>(value.as_array().size());
  if (schema.find("minItems") && count < schema.at("minItems").as_double()) return false;
  if (schema.find("maxItems") && count > schema.at("maxItems").as_double()) return false;
  for (std::size_t i = 0; i < value.as_array().size(); ++i) {
    const Json* prefix = schema.find("prefixItems");
    const Json* wanted = prefix != nullptr && i < prefix->as_array().size() ? &prefix->as_array()[i]
                                                                            : schema.find("items");
    if (wanted != nullptr && !is_valid(root, *wanted, value.as_array()[i])) return false;
  }
  return true;
}

inline bool valid_scalar(const Json& schema, const Json& value) {
  if (value.is_number()) {
    const double x = value.as_double();
    const auto bound = [&](const char* name, auto holds) {
      return schema.find(name) == nullptr || holds(x, schema.at(name).as_double());
    };
    return bound("minimum", std::greater_equal<>()) && bound("maximum", std::less_equal<>()) &&
           bound("exclusiveMinimum", std::greater<>()) && bound("exclusiveMaximum", std::less<>());
  }
  if (!value.is_string()) return true;
  const auto characters =
      static_cast<double>(std::count_if(value.as_string().begin(), value.as_string().end(),
                                        [](char c) { return (c & 0xC0) != 0x80; }));
  return (!schema.find("minLength") || characters >= schema.at("minLength").as_double()) &&
         (!schema.find("maxLength") || characters <= schema.at("maxLength").as_double());
}

inline bool valid_combinations(const Json& root, const Json& schema, const Json& value) {
  const auto holds = [&](const Json& one) { return is_valid(root, one, value); };
  if (const Json* all = schema.find("allOf"))
    if (!std::ranges::all_of(all->as_array(), holds)) return false;
  for (const char* name : {"anyOf", "oneOf"})
    if (const Json* any = schema.find(name))
      if (!std::ranges::any_of(any->as_array(), holds)) return false;
  const Json* reference = schema.find("$ref");
  return reference == nullptr || holds(lookup(root, reference->as_string()));
}

inline bool is_valid(const Json& root, const Json& schema, const Json& value) {
  if (schema.is_bool()) return schema.as_bool();
  if (const Json* type = schema.find("type")) {
    if (type->is_string() && !has_type(type->as_string(), value)) return false;
    if (type->is_array() && std::ranges::none_of(type->as_array(), [&](const Json& one) {
          return has_type(one.as_string(), value);
        }))
      return false;
  }
  const auto same = [&](const Json& one) { return same_value(one, value); };
  if (schema.find("const") != nullptr && !same(schema.at("const"))) return false;
  if (schema.find("enum") != nullptr && std::ranges::none_of(schema.at("enum").as_array(), same))
    return false;
  if (value.is_object() && !valid_object(root, schema, value)) return false;
  if (value.is_array() && !valid_array(root, schema, value)) return false;
  return valid_scalar(schema, value) && valid_combinations(root, schema, value);
}

}  // namespace stemma::grammar
