// Machine::filter(): the table of filters, and those for any value. text_filters.cc and
// list_filters.cc have the others.
#include "text/chat/jinja/filters.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <unordered_map>

#include <fmt/format.h>

#include "text/chat/jinja/characters.h"
#include "text/chat/jinja/operators.h"
#include "text/chat/jinja/parameters.h"
#include "text/chat/jinja/printing.h"

namespace stemma::chat::jinja {
namespace {

Value default_filter(Machine& machine, const Value& value, const Arguments& arguments) {
  const Parameters p(machine, "default", arguments, {"default_value", "boolean"});
  if (!value.is_undefined() && !(p.flag(1, false) && !truth(value))) return value;
  return p.find(0) ? *p.find(0) : Value("", Origin::of_template);
}

Value length_filter(Machine& machine, const Value& value, const Arguments& arguments) {
  const Parameters none(machine, "length", arguments, {});
  if (value.is_text()) machine.budget.step(value.text()->size() / 64);
  const auto length = length_of(value);
  if (!length)
    machine.fail(fmt::format("a {} has no length{}", type_name(value),
                             value.sequence() ? ": add '| list' before it" : ""));
  Value result(static_cast<std::int64_t>(*length));
  result.origin = Origin::data;
  return result;
}

// Decimal digits with a sign and spaces around them, as int() reads them.
std::optional<std::int64_t> integer_in(std::string_view text) {
  const Stretch kept = without_spaces(text);
  text = text.substr(kept.begin, kept.end - kept.begin);
  if (text.starts_with('+') && !text.starts_with("+-")) text.remove_prefix(1);
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<double> real_in(std::string_view text) {
  const Stretch kept = without_spaces(text);
  text = text.substr(kept.begin, kept.end - kept.begin);
  if (text.starts_with('+') && !text.starts_with("+-")) text.remove_prefix(1);
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

Value as_data(Value value, const Value& source) {
  value.origin = source.is_text() ? Origin::data : source.origin;
  return value;
}

Value int_filter(Machine& machine, const Value& value, const Arguments& arguments) {
  const Parameters p(machine, "int", arguments, {"default"});
  std::optional<double> real = value.number();
  if (const auto integer = value.integer()) return as_data(Value(*integer), value);
  if (const MarkedText* text = value.text()) {
    if (const auto integer = integer_in(text->bytes())) return as_data(Value(*integer), value);
    real = real_in(text->bytes());
  }
  if (!real || !(std::abs(*real) < 0x1p63)) return p.find(0) ? *p.find(0) : Value(std::int64_t{0});
  return as_data(Value(static_cast<std::int64_t>(*real)), value);
}

Value float_filter(Machine& machine, const Value& value, const Arguments& arguments) {
  const Parameters p(machine, "float", arguments, {"default"});
  std::optional<double> real = value.number();
  if (const MarkedText* text = value.text()) real = real_in(text->bytes());
  if (!real) return p.find(0) ? *p.find(0) : Value(0.0);
  return as_data(Value(*real), value);
}

Value abs_filter(Machine& machine, const Value& value, const Arguments& arguments) {
  const Parameters none(machine, "abs", arguments, {});
  const auto number = value.number();
  if (!number) machine.fail(fmt::format("abs needs a number, not {}", type_name(value)));
  return *number < 0 ? negative(machine, value)
                     : calculate(machine, "+", Value(std::int64_t{0}), value);
}

// Half to even at the last digit of the exact value, as Python's round().
double rounded(double value, std::int64_t digits) {
  if (digits == 0) return std::nearbyint(value);
  if (digits < 0) {
    const double scale = std::pow(10.0, static_cast<double>(-digits));
    return std::nearbyint(value / scale) * scale;
  }
  const std::string text = fmt::format("{:.{}f}", value, std::min<std::int64_t>(digits, 100));
  return real_in(text).value_or(value);
}

Value round_filter(Machine& machine, const Value& value, const Arguments& arguments) {
  const Parameters p(machine, "round", arguments, {"precision", "method"});
  const auto number = value.number();
  if (!number) machine.fail(fmt::format("round needs a number, not {}", type_name(value)));
  const std::int64_t digits = p.integer(0, 0);
  const std::string method = p.text(1, "common").bytes();
  if (method != "common" && method != "ceil" && method != "floor")
    machine.fail("round knows the methods common, ceil and floor");
  const double scale = std::pow(10.0, static_cast<double>(digits));
  double result = rounded(*number, digits);
  if (method == "ceil") result = std::ceil(*number * scale) / scale;
  if (method == "floor") result = std::floor(*number * scale) / scale;
  if (!(std::abs(result) < 0x1p63) && value.integer()) machine.fail("round: too many digits");
  if (method == "common" && value.integer())
    return as_data(digits >= 0 ? Value(*value.integer()) : Value(static_cast<std::int64_t>(result)),
                   value);
  return as_data(Value(result), value);
}

Value tojson_filter(Machine& machine, const Value& value, const Arguments& arguments) {
  const Parameters p(machine, "tojson", arguments,
                     {"ensure_ascii", "indent", "separators", "sort_keys"});
  JsonStyle style;
  style.ascii = p.flag(0, false);
  style.sort_keys = p.flag(3, false);
  if (const Value* indent = p.find_some(1)) {
    constexpr std::int64_t kMost = 32;
    style.indent =
        indent->is_text()
            ? indent->text()->bytes()
            : std::string(
                  static_cast<std::size_t>(std::clamp<std::int64_t>(p.integer(1, 0), 0, kMost)),
                  ' ');
    style.between_items = ",";
  }
  if (const Value* separators = p.find_some(2)) {
    const std::vector<Value> two = machine.items(*separators);
    if (two.size() != 2 || !two[0].is_text() || !two[1].is_text())
      machine.fail("tojson: separators must be two strings");
    style.between_items = two[0].text()->bytes();
    style.behind_key = two[1].text()->bytes();
  }
  return Value(as_json(machine.budget, value, style));
}

Value string_filter(Machine& machine, const Value& value, const Arguments& arguments) {
  const Parameters none(machine, "string", arguments, {});
  return value.is_text() ? value : Value(machine.text(value));
}

Value safe_filter(Machine& machine, const Value& value, const Arguments& arguments) {
  const Parameters none(machine, "safe", arguments, {});
  return machine.make_text(machine.text(value), true);
}

Value escape_filter(Machine& machine, const Value& value, const Arguments& arguments) {
  const Parameters none(machine, "escape", arguments, {});
  if (value.is_text() && value.marked()->markup) return value;
  return machine.make_text(escaped(machine.text(value)), true);
}

using Table = std::unordered_map<std::string_view, Filter>;
const Table& table() {
  static const Table filters = [] {
    Table all = {{"default", default_filter}, {"d", default_filter},   {"length", length_filter},
                 {"count", length_filter},    {"int", int_filter},     {"float", float_filter},
                 {"abs", abs_filter},         {"round", round_filter}, {"tojson", tojson_filter},
                 {"string", string_filter},   {"safe", safe_filter},   {"escape", escape_filter},
                 {"e", escape_filter}};
    for (const auto& [name, filter] : text_filters()) all.emplace(name, filter);
    for (const auto& [name, filter] : list_filters()) all.emplace(name, filter);
    return all;
  }();
  return filters;
}

}  // namespace

Value Machine::filter(std::string_view name, const Value& value, const Arguments& arguments) {
  budget.step();
  const auto found = table().find(name);
  if (found == table().end()) {
    std::vector<std::string_view> names;
    for (const auto& [known, filter] : table()) names.push_back(known);
    std::ranges::sort(names);
    fail(fmt::format("the filter '{}' is not supported; there are {}", name,
                     fmt::join(names, ", ")));
  }
  return found->second(*this, value, arguments);
}

}  // namespace stemma::chat::jinja
