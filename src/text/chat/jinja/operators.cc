#include "text/chat/jinja/operators.h"

#include <cmath>
#include <optional>

#include <fmt/format.h>

#include "text/chat/jinja/characters.h"

namespace stemma::chat::jinja {
namespace {

std::optional<std::int64_t> power(std::int64_t base, std::int64_t exponent) {
  std::int64_t result = 1;
  if (base == 0 || base == 1) return exponent == 0 ? 1 : base;
  if (base == -1) return exponent % 2 == 0 ? 1 : -1;
  for (; exponent > 0; --exponent)
    if (__builtin_mul_overflow(result, base, &result)) return std::nullopt;
  return result;
}

// Nothing: more than 63 bits. b is not 0 where it divides.
std::optional<std::int64_t> integers(std::string_view sign, std::int64_t a, std::int64_t b) {
  std::int64_t result = 0;
  if (sign == "+")
    return __builtin_add_overflow(a, b, &result) ? std::nullopt : std::optional(result);
  if (sign == "-")
    return __builtin_sub_overflow(a, b, &result) ? std::nullopt : std::optional(result);
  if (sign == "*")
    return __builtin_mul_overflow(a, b, &result) ? std::nullopt : std::optional(result);
  if (sign == "**") return power(a, b);
  if (b == -1) return sign == "%" ? 0 : integers("-", 0, a);
  // Python rounds down, C++ towards zero.
  const std::int64_t rest = a % b;
  const bool down = rest != 0 && (rest < 0) != (b < 0);
  if (sign == "%") return down ? rest + b : rest;
  return a / b - (down ? 1 : 0);
}

double reals(std::string_view sign, double a, double b) {
  if (sign == "+") return a + b;
  if (sign == "-") return a - b;
  if (sign == "*") return a * b;
  if (sign == "/") return a / b;
  if (sign == "**") return std::pow(a, b);
  double rest = std::fmod(a, b);
  if (rest != 0 && (rest < 0) != (b < 0)) rest += b;
  return sign == "%" ? rest : std::floor((a - rest) / b + 0.5);
}

Value numbers(Machine& machine, std::string_view sign, const Value& a, const Value& b) {
  const bool divides = sign == "/" || sign == "//" || sign == "%";
  if (divides && *b.number() == 0) machine.fail("a division by zero");
  const auto x = a.integer(), y = b.integer();
  if (!x || !y || sign == "/" || (sign == "**" && *y < 0))
    return Value(reals(sign, *a.number(), *b.number()));
  const auto result = integers(sign, *x, *y);
  if (!result) machine.fail("an integer above 63 bits");
  return Value(*result);
}

Value joined_texts(Machine& machine, const Text& a, const Text& b) {
  machine.budget.make_text(a.text.size() + b.text.size());
  const bool markup = a.markup || b.markup;
  const auto part = [&](const Text& text) {
    return markup && !text.markup ? escaped(text.text) : text.text;
  };
  MarkedText result = part(a);
  result.append(part(b));
  return machine.make_text(std::move(result), markup);
}

Value joined_lists(Machine& machine, const Sequence& a, const Sequence& b) {
  std::vector<Value> items = a.items;
  items.insert(items.end(), b.items.begin(), b.items.end());
  return machine.make_list(std::move(items), a.kind);
}

// "ab" * 3, [0] * 3. Nothing where it is neither.
std::optional<Value> repeated(Machine& machine, const Value& a, const Value& b) {
  const auto times = b.integer();
  if (!times) return std::nullopt;
  const auto count = static_cast<std::size_t>(std::max<std::int64_t>(*times, 0));
  if (const Text* text = a.marked()) {
    const std::size_t size = text->text.size();
    if (size > 0 && count > Budget::kTextBytes / size)
      machine.budget.make_text(Budget::kTextBytes + 1);
    machine.budget.make_text(size * count);
    machine.budget.step(size > 0 ? count : 0);
    MarkedText result;
    for (std::size_t i = 0; i < count && size > 0; ++i) result.append(text->text);
    return machine.make_text(std::move(result), text->markup);
  }
  const Sequence* list = a.sequence();
  if (!list || list->kind > Sequence::Kind::tuple) return std::nullopt;
  const std::size_t size = list->items.size();
  machine.budget.step(size > 0 && count > Budget::kSteps / size ? Budget::kSteps : size * count);
  std::vector<Value> items;
  for (std::size_t i = 0; i < count && size > 0; ++i)
    items.insert(items.end(), list->items.begin(), list->items.end());
  return machine.make_list(std::move(items), list->kind);
}

}  // namespace

Value calculate(Machine& machine, std::string_view sign, const Value& a, const Value& b) {
  for (const Value* operand : {&a, &b})
    if (const Undefined* undefined = operand->as<Undefined>())
      machine.fail(undefined->what ? *undefined->what : "an undefined value");
  if (a.number() && b.number()) {
    Value result = numbers(machine, sign, a, b);
    if (a.origin == Origin::data || b.origin == Origin::data) result.origin = Origin::data;
    return result;
  }
  if (sign == "+" && a.is_text() && b.is_text())
    return joined_texts(machine, *a.marked(), *b.marked());
  const Sequence *x = a.sequence(), *y = b.sequence();
  if (sign == "+" && x && y && x->kind == y->kind && x->kind <= Sequence::Kind::tuple)
    return joined_lists(machine, *x, *y);
  if (sign == "*") {
    if (const auto result = repeated(machine, a, b)) return *result;
    if (const auto result = repeated(machine, b, a)) return *result;
  }
  if (sign == "%" && a.is_text())
    machine.fail("formatting with % is not supported: use ~ or .format()");
  machine.fail(fmt::format("'{}' is not possible between {} and {}{}", sign, type_name(a),
                           type_name(b), sign == "+" ? ": ~ joins any two as text" : ""));
}

Value negative(Machine& machine, const Value& value) {
  if (const auto* real = value.as<double>()) {
    Value result(-*real);
    result.origin = value.origin;
    return result;
  }
  return calculate(machine, "-", Value(std::int64_t{0}), value);
}

}  // namespace stemma::chat::jinja
