#include <algorithm>
#include <numeric>

#include <fmt/format.h>

#include "text/chat/jinja/characters.h"
#include "text/chat/jinja/filters.h"
#include "text/chat/jinja/operators.h"
#include "text/chat/jinja/parameters.h"
#include "text/chat/jinja/text_work.h"

namespace stemma::chat::jinja {

Value attribute_path(Machine& machine, const Value& value, const Value& path) {
  if (!path.is_text()) return machine.item(value, path);
  Value result = value;
  const std::string_view names = path.text()->bytes();
  for (std::size_t begin = 0; begin <= names.size();) {
    const std::size_t end = std::min(names.find('.', begin), names.size());
    const std::string_view name = names.substr(begin, end - begin);
    const bool digits =
        !name.empty() && name.size() < 10 && name.find_first_not_of("0123456789") == name.npos;
    result = machine.item(result,
                          digits ? Value(static_cast<std::int64_t>(std::stoll(std::string(name))))
                                 : Value(name, Origin::of_template));
    begin = end + 1;
  }
  return result;
}

namespace {

Value iterator(Machine& machine, std::vector<Value> items) {
  return machine.make_list(std::move(items), Sequence::Kind::iterator);
}

// By what values are compared: an attribute of each, small letters where case makes no difference.
class SortKey {
 public:
  SortKey(Machine& machine, const Value* attribute, bool with_case)
      : machine_(machine), attribute_(attribute), with_case_(with_case) {}
  Value operator()(const Value& value) const {
    const Value key = attribute_ ? attribute_path(machine_, value, *attribute_) : value;
    return with_case_ || !key.is_text() ? key : machine_.make_text(lower(*key.text()));
  }

 private:
  Machine& machine_;
  const Value* attribute_;
  bool with_case_;
};

// Stable, also where it goes from the greatest to the smallest.
std::vector<Value> sorted(Machine& machine, const std::vector<Value>& values, const SortKey& key,
                          bool reverse) {
  std::vector<std::pair<Value, std::size_t>> keys;
  for (const Value& value : values) keys.emplace_back(key(value), keys.size());
  std::ranges::stable_sort(keys, [&](const auto& a, const auto& b) {
    return reverse ? machine.order(b.first, a.first) < 0 : machine.order(a.first, b.first) < 0;
  });
  std::vector<Value> result;
  for (const auto& [one, place] : keys) result.push_back(values[place]);
  return result;
}

Value sort_filter(Machine& machine, const Value& value, const Arguments& arguments) {
  const Parameters p(machine, "sort", arguments, {"reverse", "case_sensitive", "attribute"});
  const SortKey key(machine, p.find_some(2), p.flag(1, false));
  return machine.make_list(sorted(machine, machine.items(value), key, p.flag(0, false)));
}

Value dictsort_filter(Machine& machine, const Value& value, const Arguments& arguments) {
  const Parameters p(machine, "dictsort", arguments, {"case_sensitive", "by", "reverse"});
  const Mapping* mapping = value.mapping();
  if (!mapping) machine.fail(fmt::format("dictsort needs an object, not {}", type_name(value)));
  const std::string by = p.text(1, "key").bytes();
  if (by != "key" && by != "value") machine.fail("dictsort goes by 'key' or 'value'");
  const Value place(std::int64_t{by == "key" ? 0 : 1});
  std::vector<Value> pairs;
  for (const auto& [key, one] : mapping->entries())
    pairs.push_back(machine.make_list({key, one}, Sequence::Kind::tuple));
  const SortKey key(machine, &place, p.flag(0, false));
  return machine.make_list(sorted(machine, pairs, key, p.flag(2, false)));
}

Value items_filter(Machine& machine, const Value& value, const Arguments& arguments) {
  const Parameters none(machine, "items", arguments, {});
  if (value.is_undefined()) return iterator(machine, {});
  const Mapping* mapping = value.mapping();
  if (!mapping) machine.fail(fmt::format("items needs an object, not {}", type_name(value)));
  std::vector<Value> pairs;
  for (const auto& [key, one] : mapping->entries())
    pairs.push_back(machine.make_list({key, one}, Sequence::Kind::tuple));
  return iterator(machine, std::move(pairs));
}

Value list_filter(Machine& machine, const Value& value, const Arguments& arguments) {
  const Parameters none(machine, "list", arguments, {});
  return machine.make_list(machine.items(value));
}

Value first_filter(Machine& machine, const Value& value, const Arguments& arguments) {
  const Parameters none(machine, "first", arguments, {});
  const std::vector<Value> items = machine.items(value);
  return items.empty() ? Value::undefined("there is no first item, the sequence is empty")
                       : items.front();
}

Value last_filter(Machine& machine, const Value& value, const Arguments& arguments) {
  const Parameters none(machine, "last", arguments, {});
  const std::vector<Value> items = machine.items(value);
  return items.empty() ? Value::undefined("there is no last item, the sequence is empty")
                       : items.back();
}

Value reverse_filter(Machine& machine, const Value& value, const Arguments& arguments) {
  const Parameters none(machine, "reverse", arguments, {});
  if (value.is_text())
    return machine.slice(value, Value::none(), Value::none(), Value(std::int64_t{-1}));
  std::vector<Value> items = machine.items(value);
  std::ranges::reverse(items);
  return iterator(machine, std::move(items));
}

Value unique_filter(Machine& machine, const Value& value, const Arguments& arguments) {
  const Parameters p(machine, "unique", arguments, {"case_sensitive", "attribute"});
  const SortKey key(machine, p.find_some(1), p.flag(0, false));
  Mapping seen;
  std::vector<Value> items;
  for (const Value& item : machine.items(value)) {
    const Value one = key(item);
    if (seen.find(one)) continue;
    if (!seen.set(one, Value(true)))
      machine.fail(fmt::format("unique cannot compare a {}", type_name(one)));
    items.push_back(item);
  }
  return iterator(machine, std::move(items));
}

template <bool kGreatest>
Value extreme_filter(Machine& machine, const Value& value, const Arguments& arguments) {
  const Parameters p(machine, kGreatest ? "max" : "min", arguments,
                     {"case_sensitive", "attribute"});
  const SortKey key(machine, p.find_some(1), p.flag(0, false));
  const std::vector<Value> items = machine.items(value);
  if (items.empty()) return Value::undefined("the sequence is empty");
  std::size_t best = 0;
  for (std::size_t i = 1; i < items.size(); ++i) {
    const int order = machine.order(key(items[i]), key(items[best]));
    if (kGreatest ? order > 0 : order < 0) best = i;
  }
  return items[best];
}

Value sum_filter(Machine& machine, const Value& value, const Arguments& arguments) {
  const Parameters p(machine, "sum", arguments, {"attribute", "start"});
  Value total = p.find(1) ? *p.find(1) : Value(std::int64_t{0});
  for (const Value& item : machine.items(value)) {
    const Value one = p.find_some(0) ? attribute_path(machine, item, *p.find(0)) : item;
    if (one.is_text()) machine.fail("sum needs numbers: use join for strings");
    total = calculate(machine, "+", total, one);
  }
  return total;
}

Value map_filter(Machine& machine, const Value& value, const Arguments& arguments) {
  std::vector<Value> results;
  if (!truth(value)) return iterator(machine, {});
  if (arguments.positional.empty()) {
    const Parameters p(machine, "map", arguments, {"attribute", "default"});
    for (const Value& item : machine.items(value)) {
      Value one = attribute_path(machine, item, p.needed(0));
      results.push_back(one.is_undefined() && p.find_some(1) ? *p.find(1) : std::move(one));
    }
    return iterator(machine, std::move(results));
  }
  const Value& name = arguments.positional[0];
  if (!name.is_text()) machine.fail("map needs the name of a filter, or attribute=...");
  const Arguments rest{{arguments.positional.begin() + 1, arguments.positional.end()},
                       arguments.named};
  for (const Value& item : machine.items(value))
    results.push_back(machine.filter(name.text()->bytes(), item, rest));
  return iterator(machine, std::move(results));
}

// select, reject, selectattr, rejectattr.
template <bool kWanted, bool kAttribute>
Value select_filter(Machine& machine, const Value& value, const Arguments& arguments) {
  constexpr std::size_t kTest = kAttribute ? 1 : 0;
  if (!truth(value)) return iterator(machine, {});
  const auto& given = arguments.positional;
  if (given.size() < kTest) machine.fail("selectattr and rejectattr need the name of an attribute");
  const bool has_test = given.size() > kTest;
  if (has_test && !given[kTest].is_text()) machine.fail("a test must be named by a string");
  Arguments rest{{}, arguments.named};
  if (has_test)
    rest.positional.assign(given.begin() + static_cast<std::ptrdiff_t>(kTest) + 1, given.end());
  std::vector<Value> items;
  for (const Value& item : machine.items(value)) {
    const Value one = kAttribute ? attribute_path(machine, item, given[0]) : item;
    const bool holds =
        has_test ? machine.test(given[kTest].text()->bytes(), one, rest) : truth(one);
    if (holds == kWanted) items.push_back(item);
  }
  return iterator(machine, std::move(items));
}

constexpr NamedFilter kListFilters[] = {{"sort", sort_filter},
                                        {"dictsort", dictsort_filter},
                                        {"items", items_filter},
                                        {"list", list_filter},
                                        {"first", first_filter},
                                        {"last", last_filter},
                                        {"reverse", reverse_filter},
                                        {"unique", unique_filter},
                                        {"min", extreme_filter<false>},
                                        {"max", extreme_filter<true>},
                                        {"sum", sum_filter},
                                        {"map", map_filter},
                                        {"select", select_filter<true, false>},
                                        {"reject", select_filter<false, false>},
                                        {"selectattr", select_filter<true, true>},
                                        {"rejectattr", select_filter<false, true>}};

}  // namespace

std::span<const NamedFilter> list_filters() { return kListFilters; }

}  // namespace stemma::chat::jinja
