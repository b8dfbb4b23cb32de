// A JSON schema being read: its keywords checked, its references followed, and the ways to satisfy
// a schema as sets of plain schemas.
//
//   SchemaSource source(schema);
//   for (const SchemaSet& way : source.alternatives(source.root()))   // anyOf: any of these ways;
//     ...                                                             // all schemas of one hold
//
// anyOf, oneOf (read as anyOf), allOf and $ref are resolved here into disjunctive normal form, so
// whoever compiles a value sees only keywords about the value itself. A schema of a SchemaSet
// stands for those of its keywords alone.
//
// Throws invalid_argument with the JSON pointer of the place: a keyword that would change what is
// valid and is not supported, or is not known; a value of the wrong type; a $ref that leads nowhere
// or back to itself without a step into a property or an item; above the limits. One thread; the
// schema must outlive it.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"

namespace stemma::grammar {

using SchemaId = std::uint32_t;
using SchemaSet = std::vector<SchemaId>;  // ascending; empty: anything

class SchemaSource {
 public:
  explicit SchemaSource(const Json& root);

  SchemaId root() const { return 0; }
  const Json& schema(SchemaId id) const { return *entries_[id].schema; }
  // Where it stands: "#/properties/name".
  const std::string& pointer(SchemaId id) const { return entries_[id].pointer; }
  // The schema under keys of one that is known: child(id, {"properties", "name"}).
  SchemaId child(SchemaId id, std::initializer_list<std::string_view> keys);

  const std::vector<SchemaSet>& alternatives(SchemaId id);
  // The ways to satisfy all of them.
  std::vector<SchemaSet> alternatives(std::span<const SchemaId> all);

 private:
  struct Entry {
    const Json* schema = nullptr;
    std::string pointer;
    bool busy = false;
    std::optional<std::vector<SchemaSet>> alternatives;
  };

  SchemaId add(const Json& schema, std::string pointer);
  SchemaId referred(SchemaId from, const std::string& reference);
  std::vector<SchemaSet> resolve(SchemaId id);
  std::vector<SchemaSet> any_of(SchemaId id, std::string_view keyword);
  // Each way of one with each way of the other.
  std::vector<SchemaSet> product_of(const std::vector<SchemaSet>& a,
                                    const std::vector<SchemaSet>& b);

  const Json& root_;
  std::deque<Entry> entries_;
  std::map<const Json*, SchemaId> known_;
  std::size_t depth_ = 0, work_ = 0;
};

// A message with its place: "[schema] #/properties/a: what".
[[noreturn]] void refuse_schema(std::string_view pointer, std::string_view what);

}  // namespace stemma::grammar
