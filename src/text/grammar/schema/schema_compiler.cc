#include "text/grammar/schema/schema_compiler.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "text/grammar/automaton/char_set.h"
#include "text/grammar/automaton/determinize.h"
#include "text/grammar/automaton/finite.h"
#include "text/grammar/automaton/nfa.h"
#include "text/grammar/limits.h"
#include "text/grammar/schema/scalar_forms.h"
#include "text/grammar/schema/schema_merge.h"
#include "text/grammar/schema/schema_source.h"

namespace stemma::grammar {
namespace {

using Ways = std::vector<SchemaSet>;

// An integral double as an integer, since a schema may say 1.0 for 1.
std::string number_text(const Json& number) {
  constexpr double kExact = 9007199254740992;  // 2^53
  if (number.is_int()) return fmt::format("{}", number.as_int());
  const double value = number.as_double();
  if (std::floor(value) == value && std::abs(value) <= kExact) return fmt::format("{:.0f}", value);
  return number.dump();
}

class SchemaCompiler {
 public:
  explicit SchemaCompiler(const Json& schema) : source_(schema) {}

  Pushdown run() {
    add_value(Nfa::kStart, source_.alternatives(source_.root()), Nfa::kAccept);
    while (!pending_.empty()) {
      const Pending next = std::move(pending_.back());
      pending_.pop_back();
      if (next.open == '{')
        add_members(next.set, nfa_.rule(next.rule));
      else
        add_items(next.set, nfa_.rule(next.rule));
    }
    return determinize(nfa_);
  }

 private:
  struct Pending {
    char open;
    SchemaSet set;
    std::uint32_t rule;
  };

  // --- values ---

  void add_value(Nfa::State from, const Ways& ways, Nfa::State to) {
    for (const SchemaSet& way : ways) {
      const Merged& merged = merged_of(way);
      count_looks(merged.values ? merged.values->size() + 1 : 1);
      if (merged.values)
        add_listed_values(from, way, merged, to);
      else
        add_types(from, way, merged, to);
    }
  }

  // Kept, because an array may ask for its items once for each place.
  const Merged& merged_of(const SchemaSet& set) {
    const auto [at, added] = merged_.try_emplace(set);
    if (added) {
      for (const SchemaId id : set)
        if (const Json* values = source_.schema(id).find("enum"))
          count_looks(values->as_array().size());
      at->second = merge(source_, set);
    }
    return at->second;
  }

  void count_looks(std::size_t more) {
    looks_ += more;
    if (looks_ > kMaxLooks)
      refuse_schema("#", fmt::format("over the whole schema, at most {} alternatives and values of "
                                     "enums must be looked at: make lists or arrays shorter",
                                     kMaxLooks));
  }

  void add_types(Nfa::State from, const SchemaSet& way, const Merged& merged, Nfa::State to) {
    if (merged.has(JsonType::null)) nfa_.add_nothing(nfa_.add_text(from, "null"), to);
    if (merged.has(JsonType::boolean)) {
      nfa_.add_nothing(nfa_.add_text(from, "true"), to);
      nfa_.add_nothing(nfa_.add_text(from, "false"), to);
    }
    if (merged.has(JsonType::fraction))
      nfa_.add_automaton(from, forms_.number(merged), to);
    else if (merged.has(JsonType::integer))
      nfa_.add_automaton(from, forms_.integer(merged), to);
    if (merged.has(JsonType::string)) add_string(from, forms_.string(merged), to);
    if (merged.has(JsonType::array)) nfa_.add_call(from, rule_of('[', way), to);
    if (merged.has(JsonType::object)) nfa_.add_call(from, rule_of('{', way), to);
  }

  void add_string(Nfa::State from, const Pushdown& inside, Nfa::State to) {
    const Nfa::State begin = nfa_.add_state(), end = nfa_.add_state();
    nfa_.add_byte(from, '"', begin);
    nfa_.add_automaton(begin, inside, end);
    nfa_.add_byte(end, '"', to);
  }

  std::uint32_t rule_of(char open, const SchemaSet& way) {
    const auto [at, added] = rules_.try_emplace({open, way}, 0);
    if (added) {
      at->second = nfa_.add_rule(open, open == '{' ? '}' : ']');
      pending_.push_back({open, way, at->second});
    }
    return at->second;
  }

  // --- enum and const ---

  void add_listed_values(Nfa::State from, const SchemaSet& way, const Merged& merged,
                         Nfa::State to) {
    if (!merged.values) return;
    for (const Json* value : *merged.values) {
      const JsonType type = type_of(*value);
      if (!merged.has(type)) continue;
      if (type == JsonType::string && !fits_string(value->as_string(), merged)) continue;
      if (value->is_number() && !contains(merged.numbers, *value)) continue;
      if (type == JsonType::array || type == JsonType::object) refuse_parts(way, type);
      add_literal(from, *value, to);
    }
  }

  bool fits_string(const std::string& text, const Merged& merged) {
    if (merged.patterns.empty() && merged.formats.empty() && merged.length.any()) return true;
    const std::string quoted = json_quoted(text);
    return is_word(forms_.string(merged), std::string_view(quoted).substr(1, quoted.size() - 2));
  }

  // Values of enum are not checked against keywords about their parts.
  void refuse_parts(const SchemaSet& way, JsonType type) {
    for (const SchemaId id : way)
      for (const char* keyword :
           type == JsonType::array
               ? std::vector<const char*>{"items", "prefixItems", "minItems", "maxItems"}
               : std::vector<const char*>{"properties", "required", "additionalProperties",
                                          "minProperties", "maxProperties"})
        if (source_.schema(id).find(keyword) != nullptr)
          refuse_schema(source_.pointer(id),
                        fmt::format("{} beside an enum or const with an object or array is not "
                                    "supported",
                                    keyword));
  }

  void add_literal(Nfa::State from, const Json& value, Nfa::State to) {
    if (value.is_array() || value.is_object()) {
      nfa_.add_call(from, literal_rule(value), to);
      return;
    }
    const std::string text = value.is_string()   ? json_quoted(value.as_string())
                             : value.is_number() ? number_text(value)
                                                 : value.dump();
    nfa_.add_nothing(nfa_.add_text(from, text), to);
  }

  std::uint32_t literal_rule(const Json& value, std::size_t depth = 0) {
    if (depth > kMaxSchemaDepth) refuse_schema("#", "a value of enum or const is nested too deep");
    const auto known = literal_rules_.find(&value);
    if (known != literal_rules_.end()) return known->second;
    const bool is_object = value.is_object();
    const std::uint32_t rule = is_object ? nfa_.add_rule('{', '}') : nfa_.add_rule('[', ']');
    Nfa::State at = nfa_.rule(rule).start;
    bool first = true;
    const auto add_part = [&](const Json& part) {
      const Nfa::State next = nfa_.add_state();
      if (part.is_array() || part.is_object())
        nfa_.add_call(at, literal_rule(part, depth + 1), next);
      else
        add_literal(at, part, next);
      at = next;
      first = false;
    };
    if (is_object) {
      for (const auto& [name, part] : value.as_object()) {
        if (!first) at = add_separator(at, ',');
        at = add_separator(nfa_.add_text(at, json_quoted(name)), ':');
        add_part(part);
      }
    } else {
      for (const Json& part : value.as_array()) {
        if (!first) at = add_separator(at, ',');
        add_part(part);
      }
    }
    nfa_.add_nothing(at, nfa_.rule(rule).final);
    literal_rules_[&value] = rule;
    return rule;
  }

  // A comma or colon, and at most one blank behind it.
  Nfa::State add_separator(Nfa::State from, char sign) {
    const Nfa::State behind = nfa_.add_state(), next = nfa_.add_state();
    nfa_.add_byte(from, sign, behind);
    nfa_.add_byte(behind, ' ', next);
    nfa_.add_nothing(behind, next);
    return next;
  }

  // --- arrays ---

  // What the item at `index` must satisfy.
  Ways item_ways(const SchemaSet& set, std::size_t index) {
    std::vector<SchemaId> all;
    for (const SchemaId id : set) {
      const Json* prefix = source_.schema(id).find("prefixItems");
      if (prefix != nullptr && index < prefix->as_array().size())
        all.push_back(source_.child(id, {"prefixItems", std::to_string(index)}));
      else if (source_.schema(id).find("items") != nullptr)
        all.push_back(source_.child(id, {"items"}));
    }
    return source_.alternatives(all);
  }

  void add_items(const SchemaSet& set, const Nfa::Rule rule) {
    const Lengths lengths = merged_of(set).items;
    std::size_t prefix = 0;
    for (const SchemaId id : set)
      if (const Json* items = source_.schema(id).find("prefixItems"))
        prefix = std::max(prefix, items->as_array().size());
    const auto least = static_cast<std::size_t>(lengths.least);
    const bool bounded = lengths.most >= 0;
    // Items that stand alone; behind them an unbounded array goes round.
    const std::size_t count = bounded ? static_cast<std::size_t>(lengths.most)
                                      : std::max({prefix, least, std::size_t{1}});
    Nfa::State at = rule.start;  // behind so many items
    Ways ways;
    for (std::size_t i = 0; i < count; ++i) {
      if (i >= least) nfa_.add_nothing(at, rule.final);
      const Nfa::State begin = i == 0 ? at : add_separator(at, ',');
      if (i <= prefix) ways = item_ways(set, i);
      if (ways.empty()) return;
      at = nfa_.add_state();
      add_value(begin, ways, at);
    }
    if (count >= least) nfa_.add_nothing(at, rule.final);
    if (!bounded) add_value(add_separator(at, ','), item_ways(set, count), at);
  }

  // --- objects ---

  struct Property {
    std::string name;
    bool required = false;
  };
  struct Members {
    std::vector<Property> declared;
    bool others = false;  // whether further properties may come
    bool forbidden = false;
  };

  Members members_of(const SchemaSet& set) {
    Members members;
    std::map<std::string, std::size_t> numbers;
    const auto property = [&](const std::string& name) -> Property& {
      const auto [at, added] = numbers.try_emplace(name, members.declared.size());
      if (added) members.declared.push_back({name, false});
      return members.declared[at->second];
    };
    bool opened = false;
    for (const SchemaId id : set)
      if (const Json* properties = source_.schema(id).find("properties"))
        for (const auto& [name, schema] : properties->as_object()) property(name);
    for (const SchemaId id : set) {
      if (const Json* required = source_.schema(id).find("required"))
        for (const Json& name : required->as_array()) property(name.as_string()).required = true;
      if (const Json* additional = source_.schema(id).find("additionalProperties")) {
        opened = true;
        if (additional->is_bool() && !additional->as_bool()) members.forbidden = true;
      }
    }
    const bool none_named = std::ranges::none_of(
        set, [&](SchemaId id) { return source_.schema(id).find("properties") != nullptr; });
    members.others = !members.forbidden && (opened || none_named);
    return members;
  }

  // What the value of a property must satisfy; without a name: of one that is not declared.
  Ways property_ways(const SchemaSet& set, const std::string* name) {
    std::vector<SchemaId> all;
    for (const SchemaId id : set) {
      const Json& schema = source_.schema(id);
      const Json* properties = schema.find("properties");
      if (name != nullptr && properties != nullptr && properties->find(*name) != nullptr)
        all.push_back(source_.child(id, {"properties", *name}));
      else if (schema.find("additionalProperties") != nullptr)
        all.push_back(source_.child(id, {"additionalProperties"}));
    }
    return source_.alternatives(all);
  }

  // `none`: the state before a first member; `some`: behind a member. Both move along the declared
  // properties, of which optional ones may be passed over.
  void add_members(const SchemaSet& set, const Nfa::Rule rule) {
    const Members members = members_of(set);
    const Lengths counts = merged_of(set).properties;
    check_counts(set, members, counts);
    Nfa::State none = rule.start, some = nfa_.add_state();
    for (const Property& property : members.declared) {
      const Nfa::State next_none = nfa_.add_state(), next_some = nfa_.add_state();
      const Nfa::State key = nfa_.add_state();
      nfa_.add_nothing(none, key);
      nfa_.add_nothing(add_separator(some, ','), key);
      const Nfa::State colon = nfa_.add_text(key, json_quoted(property.name));
      add_value(add_separator(colon, ':'), property_ways(set, &property.name), next_some);
      if (!property.required) {
        nfa_.add_nothing(none, next_none);
        nfa_.add_nothing(some, next_some);
      }
      none = next_none;
      some = next_some;
    }
    if (members.others) add_others(set, members, none, some);
    if (counts.least == 0) nfa_.add_nothing(none, rule.final);
    nfa_.add_nothing(some, rule.final);
  }

  void add_others(const SchemaSet& set, const Members& members, Nfa::State none, Nfa::State some) {
    const Ways ways = property_ways(set, nullptr);
    if (ways.empty()) return;
    const Nfa::State key = nfa_.add_state(), behind = nfa_.add_state();
    nfa_.add_nothing(none, key);
    nfa_.add_nothing(add_separator(some, ','), key);
    add_string(key, other_names(members), behind);
    add_value(add_separator(behind, ':'), ways, some);
  }

  // Names that no declared property has.
  Pushdown other_names(const Members& members) {
    if (members.declared.empty()) return forms_.any_string();
    Nfa names("schema");
    for (const Property& property : members.declared) {
      const std::string quoted = json_quoted(property.name);
      names.add_nothing(
          names.add_text(Nfa::kStart, std::string_view(quoted).substr(1, quoted.size() - 2)),
          Nfa::kAccept);
    }
    return difference(forms_.any_spelled_string(), finite(names), "schema");
  }

  // minProperties and maxProperties where they say no more than the rest does, or "not empty".
  void check_counts(const SchemaSet& set, const Members& members, const Lengths& counts) {
    const auto required = std::ranges::count_if(members.declared, &Property::required);
    const std::string& pointer = set.empty() ? source_.pointer(0) : source_.pointer(set.front());
    if (counts.least > std::max<std::int64_t>(required, 1))
      refuse_schema(pointer,
                    "minProperties above 1 and above the number of required properties is "
                    "not supported");
    if (counts.most >= 0 &&
        (members.others || counts.most < static_cast<std::int64_t>(members.declared.size())))
      refuse_schema(pointer, "maxProperties is supported only where the properties are no more");
  }

  SchemaSource source_;
  ScalarForms forms_;
  Nfa nfa_{"schema"};
  std::map<std::pair<char, SchemaSet>, std::uint32_t> rules_;
  std::map<const Json*, std::uint32_t> literal_rules_;
  std::vector<Pending> pending_;
  std::map<SchemaSet, Merged> merged_;
  std::size_t looks_ = 0;
};

}  // namespace

Pushdown compile_schema(const Json& schema) { return SchemaCompiler(schema).run(); }

}  // namespace stemma::grammar
