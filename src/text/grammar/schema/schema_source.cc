#include "text/grammar/schema/schema_source.h"

#include <algorithm>
#include <charconv>
#include <set>

#include <fmt/format.h>

#include "base/error.h"
#include "text/grammar/limits.h"
#include "text/grammar/schema/schema_keywords.h"

namespace stemma::grammar {
namespace {

// RFC 6901, and %XX of URI fragments.
std::string pointer_escaped(std::string_view key) {
  std::string out;
  for (const char c : key) out += c == '~' ? "~0" : c == '/' ? "~1" : std::string(1, c);
  return out;
}

std::string pointer_unescaped(std::string_view part) {
  std::string out;
  for (std::size_t i = 0; i < part.size(); ++i) {
    unsigned byte = 0;
    if (part[i] == '~' && i + 1 < part.size() && (part[i + 1] == '0' || part[i + 1] == '1')) {
      out += part[++i] == '0' ? '~' : '/';
    } else if (part[i] == '%' && i + 2 < part.size() &&
               std::from_chars(part.data() + i + 1, part.data() + i + 3, byte, 16).ptr ==
                   part.data() + i + 3) {
      out += static_cast<char>(byte);
      i += 2;
    } else {
      out += part[i];
    }
  }
  return out;
}

const Json* member_or_item(const Json& value, std::string_view key) {
  if (value.is_object()) return value.find(key);
  if (!value.is_array()) return nullptr;
  std::size_t index = 0;
  const auto [end, error] = std::from_chars(key.data(), key.data() + key.size(), index);
  const bool is_index = error == std::errc() && end == key.data() + key.size();
  return is_index && index < value.as_array().size() ? &value.as_array()[index] : nullptr;
}

[[noreturn]] void refuse_alternatives() {
  refuse_schema("#", fmt::format("anyOf, oneOf and allOf together must leave at most {} ways to "
                                 "satisfy one value",
                                 kMaxAlternatives));
}

}  // namespace

void refuse_schema(std::string_view pointer, std::string_view what) {
  throw Error(ErrorCode::invalid_argument, fmt::format("[schema] {}: {}", pointer, what));
}

SchemaSource::SchemaSource(const Json& root) : root_(root) {
  if (!root.is_object() && !root.is_bool())
    refuse_schema("#", "a schema must be an object, true or false");
  add(root, "#");
}

SchemaId SchemaSource::add(const Json& schema, std::string pointer) {
  const auto [at, added] = known_.try_emplace(&schema, static_cast<SchemaId>(entries_.size()));
  if (!added) return at->second;
  if (!schema.is_object() && !schema.is_bool())
    refuse_schema(pointer, "a schema must be an object, true or false");
  if (schema.is_object()) check_keywords(schema, pointer);
  entries_.push_back({&schema, std::move(pointer), false, {}});
  return at->second;
}

SchemaId SchemaSource::child(SchemaId id, std::initializer_list<std::string_view> keys) {
  const Json* at = &schema(id);
  std::string where = pointer(id);
  for (const std::string_view key : keys) {
    at = member_or_item(*at, key);
    where += "/" + pointer_escaped(key);
  }
  return add(*at, std::move(where));
}

SchemaId SchemaSource::referred(SchemaId from, const std::string& reference) {
  const Json* at = &root_;
  if (!reference.starts_with('#') || (reference.size() > 1 && reference[1] != '/'))
    refuse_schema(pointer(from), fmt::format("$ref must lead to a place in this schema, as in "
                                             "#/$defs/name, got {}",
                                             reference));
  for (std::size_t begin = 2; begin <= reference.size();) {
    const std::size_t end = std::min(reference.find('/', begin), reference.size());
    at = member_or_item(*at, pointer_unescaped(reference.substr(begin, end - begin)));
    if (at == nullptr)
      refuse_schema(pointer(from), fmt::format("$ref leads to nothing: {}", reference));
    begin = end + 1;
  }
  return add(*at, reference);
}

const std::vector<SchemaSet>& SchemaSource::alternatives(SchemaId id) {
  Entry& entry = entries_[id];
  if (entry.alternatives) return *entry.alternatives;
  if (entry.busy)
    refuse_schema(entry.pointer,
                  "the schema refers to itself without a step into a property or an item");
  if (depth_ == kMaxSchemaDepth)
    refuse_schema(entry.pointer, fmt::format("anyOf, oneOf, allOf and $ref must be at most {} deep "
                                             "in each other",
                                             kMaxSchemaDepth));
  entry.busy = true;
  ++depth_;
  std::vector<SchemaSet> found = resolve(id);
  --depth_;
  entries_[id].busy = false;
  return entries_[id].alternatives.emplace(std::move(found));
}

std::vector<SchemaSet> SchemaSource::alternatives(std::span<const SchemaId> all) {
  std::vector<SchemaSet> result = {{}};
  for (const SchemaId id : all) result = product_of(result, alternatives(id));
  return result;
}

std::vector<SchemaSet> SchemaSource::product_of(const std::vector<SchemaSet>& a,
                                                const std::vector<SchemaSet>& b) {
  if (a.size() * b.size() > kMaxAlternatives * 10) refuse_alternatives();
  std::vector<SchemaSet> result;
  std::set<SchemaSet> met;
  for (const SchemaSet& left : a)
    for (const SchemaSet& right : b) {
      SchemaSet both;
      std::ranges::set_union(left, right, std::back_inserter(both));
      work_ += both.size() + 1;
      if (met.insert(both).second) result.push_back(std::move(both));
    }
  if (result.size() > kMaxAlternatives || work_ > kMaxSteps / 10) refuse_alternatives();
  return result;
}

std::vector<SchemaSet> SchemaSource::resolve(SchemaId id) {
  const Json& schema = this->schema(id);
  if (schema.is_bool())
    return schema.as_bool() ? std::vector<SchemaSet>{{}} : std::vector<SchemaSet>{};
  std::vector<SchemaSet> ways = {has_plain_keyword(schema) ? SchemaSet{id} : SchemaSet{}};
  if (const Json* reference = schema.find("$ref"))
    ways = product_of(ways, alternatives(referred(id, reference->as_string())));
  if (const Json* all = schema.find("allOf"))
    for (std::size_t i = 0; i < all->as_array().size(); ++i)
      ways = product_of(ways, alternatives(child(id, {"allOf", std::to_string(i)})));
  for (const char* keyword : {"anyOf", "oneOf"})
    if (schema.find(keyword) != nullptr) ways = product_of(ways, any_of(id, keyword));
  return ways;
}

std::vector<SchemaSet> SchemaSource::any_of(SchemaId id, std::string_view keyword) {
  std::vector<SchemaSet> ways;
  std::set<SchemaSet> met;
  for (std::size_t i = 0; i < schema(id).at(keyword).as_array().size(); ++i)
    for (const SchemaSet& way : alternatives(child(id, {keyword, std::to_string(i)}))) {
      if (met.insert(way).second) ways.push_back(way);
      if (ways.size() > kMaxAlternatives) refuse_alternatives();
    }
  return ways;
}

}  // namespace stemma::grammar
