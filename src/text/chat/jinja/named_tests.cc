// Machine::test(): the tests of `is`.
#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "text/chat/jinja/characters.h"
#include "text/chat/jinja/machine.h"
#include "text/chat/jinja/operators.h"

namespace stemma::chat::jinja {
namespace {

using Test = bool (*)(Machine&, const Value&, const Value* other);
struct NamedTest {
  std::string_view name;
  bool has_argument;
  Test holds;
};

bool is_function(const Value& value) {
  return value.shared<const Macro>() || value.shared<const Function>();
}

std::int64_t rest(Machine& machine, const Value& value, std::int64_t by) {
  const Value result = calculate(machine, "%", value, Value(by));
  return result.integer().value_or(result.number().value_or(-1) == 0 ? 0 : -1);
}

template <MarkedText (*kChange)(const MarkedText&)>
bool has_case(Machine& machine, const Value& value, const Value*) {
  const MarkedText text = machine.text(value);
  const MarkedText changed = kChange(text);
  return changed.bytes() == text.bytes() && upper(text).bytes() != lower(text).bytes();
}

constexpr NamedTest kTests[] = {
    {"defined", false, [](Machine&, const Value& v, const Value*) { return !v.is_undefined(); }},
    {"undefined", false, [](Machine&, const Value& v, const Value*) { return v.is_undefined(); }},
    {"none", false, [](Machine&, const Value& v, const Value*) { return v.is_none(); }},
    {"boolean", false,
     [](Machine&, const Value& v, const Value*) { return v.as<bool>() != nullptr; }},
    {"true", false,
     [](Machine&, const Value& v, const Value*) { return v.as<bool>() && *v.as<bool>(); }},
    {"false", false,
     [](Machine&, const Value& v, const Value*) { return v.as<bool>() && !*v.as<bool>(); }},
    {"integer", false,
     [](Machine&, const Value& v, const Value*) { return v.as<std::int64_t>() != nullptr; }},
    {"float", false,
     [](Machine&, const Value& v, const Value*) { return v.as<double>() != nullptr; }},
    {"number", false,
     [](Machine&, const Value& v, const Value*) { return v.number().has_value(); }},
    {"string", false, [](Machine&, const Value& v, const Value*) { return v.is_text(); }},
    {"mapping", false,
     [](Machine&, const Value& v, const Value*) { return v.mapping() != nullptr; }},
    {"iterable", false,
     [](Machine&, const Value& v, const Value*) {
       return v.is_undefined() || v.is_text() || v.mapping() || v.sequence() ||
              v.shared<const Loop>();
     }},
    // What has a length and items by subscript.
    {"sequence", false,
     [](Machine&, const Value& v, const Value*) {
       return v.is_undefined() || v.is_text() || v.mapping() ||
              (v.sequence() && v.sequence()->kind <= Sequence::Kind::range);
     }},
    {"callable", false, [](Machine&, const Value& v, const Value*) { return is_function(v); }},
    {"escaped", false,
     [](Machine&, const Value& v, const Value*) { return v.is_text() && v.marked()->markup; }},
    {"upper", false, has_case<upper>},
    {"lower", false, has_case<lower>},
    {"odd", false, [](Machine& m, const Value& v, const Value*) { return rest(m, v, 2) == 1; }},
    {"even", false, [](Machine& m, const Value& v, const Value*) { return rest(m, v, 2) == 0; }},
    {"divisibleby", true,
     [](Machine& m, const Value& v, const Value* other) {
       return calculate(m, "%", v, *other).number() == 0.0;
     }},
    {"in", true,
     [](Machine& m, const Value& v, const Value* other) { return m.contains(*other, v); }},
    {"sameas", true,
     [](Machine& m, const Value& v, const Value* other) {
       return type_name(v) == type_name(*other) && m.equal(v, *other);
     }},
    {"eq", true, [](Machine& m, const Value& v, const Value* other) { return m.equal(v, *other); }},
    {"ne", true,
     [](Machine& m, const Value& v, const Value* other) { return !m.equal(v, *other); }},
    {"lt", true,
     [](Machine& m, const Value& v, const Value* other) { return m.order(v, *other) < 0; }},
    {"le", true,
     [](Machine& m, const Value& v, const Value* other) { return m.order(v, *other) <= 0; }},
    {"gt", true,
     [](Machine& m, const Value& v, const Value* other) { return m.order(v, *other) > 0; }},
    {"ge", true,
     [](Machine& m, const Value& v, const Value* other) { return m.order(v, *other) >= 0; }}};

// Other names of these.
constexpr std::array<std::pair<std::string_view, std::string_view>, 9> kAliases = {
    {{"==", "eq"},
     {"equalto", "eq"},
     {"!=", "ne"},
     {"<", "lt"},
     {"lessthan", "lt"},
     {"<=", "le"},
     {">", "gt"},
     {"greaterthan", "gt"},
     {">=", "ge"}}};

}  // namespace

bool Machine::test(std::string_view name, const Value& value, const Arguments& arguments) {
  budget.step();
  for (const auto& [alias, real] : kAliases)
    if (alias == name) name = real;
  const auto found = std::ranges::find(kTests, name, &NamedTest::name);
  if (found == std::end(kTests)) {
    std::vector<std::string_view> names;
    for (const NamedTest& test : kTests) names.push_back(test.name);
    fail(fmt::format("the test 'is {}' is not supported; there are {}", name,
                     fmt::join(names, ", ")));
  }
  if (arguments.positional.size() != (found->has_argument ? 1 : 0) || !arguments.named.empty())
    fail(fmt::format("the test 'is {}' takes {}", name,
                     found->has_argument ? "one argument" : "no argument"));
  return found->holds(*this, value, found->has_argument ? &arguments.positional[0] : nullptr);
}

}  // namespace stemma::chat::jinja
