// Expressions of Machine; machine.cc has statements.
#include <algorithm>

#include <fmt/format.h>

#include "text/chat/jinja/characters.h"
#include "text/chat/jinja/functions.h"
#include "text/chat/jinja/machine.h"
#include "text/chat/jinja/operators.h"
#include "text/chat/jinja/printing.h"

namespace stemma::chat::jinja {
namespace {

// Begin, end and step of a slice as Python understands them for a length.
struct Cut {
  std::int64_t begin = 0, end = 0, step = 1;
};

Cut cut_of(std::int64_t length, const Value& begin, const Value& end, std::int64_t step) {
  const bool back = step < 0;
  const auto place = [&](const Value& value, std::int64_t fallback) {
    const auto given = value.integer();
    if (!given) return fallback;
    const std::int64_t at = *given < 0 ? *given + length : *given;
    return std::clamp<std::int64_t>(at, back ? -1 : 0, back ? length - 1 : length);
  };
  return {place(begin, back ? length - 1 : 0), place(end, back ? -1 : length), step};
}

std::vector<std::size_t> places_of(const Cut& cut) {
  std::vector<std::size_t> places;
  for (std::int64_t at = cut.begin; cut.step > 0 ? at < cut.end : at > cut.end;) {
    places.push_back(static_cast<std::size_t>(at));
    if (__builtin_add_overflow(at, cut.step, &at)) break;
  }
  return places;
}

std::optional<std::size_t> index_in(std::int64_t index, std::size_t size) {
  const auto length = static_cast<std::int64_t>(size);
  if (index < 0) index += length;
  if (index < 0 || index >= length) return std::nullopt;
  return static_cast<std::size_t>(index);
}

Value loop_attribute(const std::shared_ptr<const Loop>& loop, const std::string& name) {
  const auto size = static_cast<std::int64_t>(loop->items->size());
  const auto index = static_cast<std::int64_t>(loop->index);
  if (name == "index") return Value(index + 1);
  if (name == "index0") return Value(index);
  if (name == "revindex") return Value(size - index);
  if (name == "revindex0") return Value(size - index - 1);
  if (name == "first") return Value(index == 0);
  if (name == "last") return Value(index + 1 == size);
  if (name == "length") return Value(size);
  // They count recursive loops, of which there are none.
  if (name == "depth") return Value(std::int64_t{1});
  if (name == "depth0") return Value(std::int64_t{0});
  if (name == "previtem")
    return index > 0 ? (*loop->items)[loop->index - 1]
                     : Value::undefined("there is no previous item");
  if (name == "nextitem")
    return index + 1 < size ? (*loop->items)[loop->index + 1]
                            : Value::undefined("there is no next item");
  if (name == "cycle" || name == "changed")
    return Value(std::make_shared<const Function>(
        Function{name, std::make_shared<const Value>(Value(loop))}));
  return Value::undefined(fmt::format("'loop' has no attribute '{}'", name));
}

}  // namespace

Value Machine::attribute(const Value& base, const std::string& name) {
  if (const Undefined* undefined = base.as<Undefined>())
    fail(undefined->what ? *undefined->what : "an undefined value");
  if (has_method(base, name))
    return Value(
        std::make_shared<const Function>(Function{name, std::make_shared<const Value>(base)}));
  const Value* found = nullptr;
  if (const Mapping* mapping = base.mapping()) found = mapping->find(name);
  if (const Namespace* space = base.shared<Namespace>()) found = space->attributes.find(name);
  if (const auto* loop = base.as<std::shared_ptr<const Loop>>()) return loop_attribute(*loop, name);
  if (found) return *found;
  return Value::undefined(fmt::format("'{} object' has no attribute '{}'", type_name(base), name));
}

Value Machine::item(const Value& base, const Value& key) {
  if (const Undefined* undefined = base.as<Undefined>())
    fail(undefined->what ? *undefined->what : "an undefined value");
  if (const Mapping* mapping = base.mapping())
    if (const Value* found = mapping->find(key)) return *found;
  if (const auto index = key.integer()) {
    if (const MarkedText* text = base.text()) {
      budget.step(text->size() / 64);
      const std::vector<std::size_t> starts = character_starts(text->bytes());
      if (const auto place = index_in(*index, starts.size() - 1))
        return make_text(text->part(starts[*place], starts[*place + 1]), base.marked()->markup);
    }
    if (const Sequence* sequence = base.sequence();
        sequence && sequence->kind <= Sequence::Kind::range)
      if (const auto place = index_in(*index, sequence->items.size()))
        return sequence->items[*place];
  }
  // As in Jinja2, x['name'] is x.name where there is no such key.
  if (const MarkedText* name = key.text()) return attribute(base, name->bytes());
  return Value::undefined(
      fmt::format("'{} object' has no element {}", type_name(base),
                  key.is_undefined() ? "of an undefined name" : printed(budget, key).bytes()));
}

Value Machine::slice(const Value& base, const Value& begin, const Value& end, const Value& step) {
  for (const Value* part : {&begin, &end, &step})
    if (!part->is_none() && !part->integer())
      fail(fmt::format("a slice needs integers, not {}", type_name(*part)));
  const std::int64_t by = step.integer().value_or(1);
  if (by == 0) fail("a slice cannot have step 0");
  const MarkedText* text = base.text();
  const Sequence* sequence = base.sequence();
  if (sequence && sequence->kind > Sequence::Kind::range) sequence = nullptr;
  if (const Undefined* undefined = base.as<Undefined>())
    fail(undefined->what ? *undefined->what : "an undefined value");
  if (!text && !sequence) fail(fmt::format("a {} cannot be cut", type_name(base)));
  if (sequence) {
    const Cut cut = cut_of(std::ssize(sequence->items), begin, end, by);
    std::vector<Value> items;
    for (const std::size_t place : places_of(cut)) items.push_back(sequence->items[place]);
    return make_list(std::move(items), sequence->kind);
  }
  budget.make_text(text->size());
  const std::vector<std::size_t> starts = character_starts(text->bytes());
  const Cut cut = cut_of(std::ssize(starts) - 1, begin, end, by);
  MarkedText result;
  if (by == 1) {
    if (cut.begin < cut.end)
      result = text->part(starts[static_cast<std::size_t>(cut.begin)],
                          starts[static_cast<std::size_t>(cut.end)]);
  } else {
    const std::vector<std::size_t> places = places_of(cut);
    budget.step(places.size());
    for (const std::size_t place : places) result.append(*text, starts[place], starts[place + 1]);
  }
  return make_text(std::move(result), base.marked()->markup);
}

Value Machine::call(const Value& function, const Arguments& arguments) {
  budget.step();
  if (const Macro* macro = function.shared<const Macro>()) return call_macro(*macro, arguments);
  if (const Function* known = function.shared<const Function>()) {
    if (!known->self) return call_function(*this, *known, arguments);
    if (known->self->is_text()) return call_text_method(*this, *known, arguments);
    return call_container_method(*this, *known, arguments);
  }
  if (const Undefined* undefined = function.as<Undefined>())
    fail(fmt::format("{} and cannot be called",
                     undefined->what ? *undefined->what : "the value is undefined"));
  fail(fmt::format("a {} cannot be called", type_name(function)));
}

std::vector<Value> Machine::items(const Value& value) {
  if (const MarkedText* text = value.text()) budget.step(text->size() / 4);
  auto found = items_of(value);
  if (!found) fail(fmt::format("a {} has no items to go over", type_name(value)));
  budget.step(found->size());
  return std::move(*found);
}

MarkedText Machine::text(const Value& value) { return printed(budget, value); }

Value Machine::make_text(MarkedText text, bool markup) {
  budget.make_text(text.size());
  return Value(std::move(text), markup);
}

Value Machine::make_list(std::vector<Value> items, Sequence::Kind kind) {
  budget.step(items.size());
  return make_sequence(std::move(items), kind);
}

bool Machine::equal(const Value& a, const Value& b) {
  budget.step(std::min(size_of(a).values, size_of(b).values));
  if (a.is_text() && b.is_text())
    budget.search(std::min(a.text()->size(), b.text()->size()) / 16, 0);
  return jinja::equal(a, b);
}

int Machine::order(const Value& a, const Value& b) {
  budget.step(std::min(size_of(a).values, size_of(b).values));
  const auto result = jinja::order(a, b);
  if (!result) fail(fmt::format("{} and {} have no order", type_name(a), type_name(b)));
  return *result;
}

bool Machine::contains(const Value& container, const Value& value) {
  if (const MarkedText* text = container.text()) {
    const MarkedText* wanted = value.text();
    if (!wanted) fail(fmt::format("'in' a string needs a string, not {}", type_name(value)));
    budget.search(text->size(), wanted->size());
    return text->bytes().find(wanted->bytes()) != std::string::npos;
  }
  if (const Mapping* mapping = container.mapping()) return mapping->find(value) != nullptr;
  if (const Sequence* sequence = container.sequence();
      sequence && sequence->kind != Sequence::Kind::iterator)
    return std::ranges::any_of(sequence->items,
                               [&](const Value& one) { return equal(one, value); });
  return std::ranges::any_of(items(container), [&](const Value& one) { return equal(one, value); });
}

Value Machine::evaluate(const Expression& expression) {
  using Kind = Expression::Kind;
  const Budget::Level level(budget);
  budget.step();
  budget.line = expression.line;
  const auto part = [&](std::size_t i) { return evaluate(*expression.parts[i]); };
  switch (expression.kind) {
    case Kind::constant:
      return expression.value;
    case Kind::name:
      return evaluate_name(expression);
    case Kind::attribute:
      return attribute(part(0), expression.text);
    case Kind::item: {
      const Value base = part(0);
      return item(base, part(1));
    }
    case Kind::slice:
      return evaluate_slice(expression);
    case Kind::call: {
      const Value function = part(0);
      const Arguments arguments = evaluate_arguments(expression);
      budget.line = expression.line;
      return call(function, arguments);
    }
    case Kind::filter:
      return evaluate_filter(expression);
    case Kind::test: {
      const Value value = part(0);
      return Value(test(expression.text, value, evaluate_arguments(expression)));
    }
    case Kind::list:
      return make_list(evaluate_parts(expression));
    case Kind::tuple:
      return make_list(evaluate_parts(expression), Sequence::Kind::tuple);
    case Kind::dictionary:
      return evaluate_dictionary(expression);
    case Kind::unary:
      return evaluate_unary(expression);
    case Kind::binary: {
      const Value left = part(0), right = part(1);
      budget.line = expression.line;
      return calculate(*this, expression.text, left, right);
    }
    case Kind::join:
      return evaluate_join(expression);
    case Kind::logic: {
      Value left = part(0);
      return truth(left) == (expression.text == "or") ? left : part(1);
    }
    case Kind::comparison:
      return evaluate_comparison(expression);
    case Kind::condition:
      if (truth(part(0))) return part(1);
      return expression.parts[2] ? part(2)
                                 : Value::undefined("the condition is false and has no else");
    case Kind::name_attribute:
      break;
  }
  fail("this cannot stand in an expression");
}

Value Machine::evaluate_name(const Expression& expression) {
  const Value* found = scope_->find(expression.text);
  return found ? *found : Value::undefined(fmt::format("'{}' is undefined", expression.text));
}

Value Machine::evaluate_unary(const Expression& expression) {
  const Value value = evaluate(*expression.parts[0]);
  if (expression.text == "not") return Value(!truth(value));
  if (expression.text == "-") return negative(*this, value);
  return calculate(*this, "+", Value(std::int64_t{0}), value);
}

Value Machine::evaluate_comparison(const Expression& expression) {
  Value left = evaluate(*expression.parts[0]);
  for (std::size_t i = 0; i < expression.words.size(); ++i) {
    Value right = evaluate(*expression.parts[i + 1]);
    const std::string& word = expression.words[i];
    budget.line = expression.line;
    const bool holds = word == "=="       ? equal(left, right)
                       : word == "!="     ? !equal(left, right)
                       : word == "in"     ? contains(right, left)
                       : word == "not in" ? !contains(right, left)
                       : word == "<"      ? order(left, right) < 0
                       : word == "<="     ? order(left, right) <= 0
                       : word == ">"      ? order(left, right) > 0
                                          : order(left, right) >= 0;
    if (!holds) return Value(false);
    left = std::move(right);
  }
  return Value(true);
}

Value Machine::evaluate_dictionary(const Expression& expression) {
  auto mapping = std::make_shared<Mapping>();
  for (std::size_t i = 0; i < expression.parts.size(); i += 2) {
    const Value key = evaluate(*expression.parts[i]);
    if (!mapping->set(key, evaluate(*expression.parts[i + 1])))
      fail(fmt::format("a {} cannot be a key", type_name(key)));
  }
  return Value(std::shared_ptr<const Mapping>(std::move(mapping)));
}

Value Machine::evaluate_slice(const Expression& expression) {
  const auto bound = [&](std::size_t i) {
    return expression.parts[i] ? evaluate(*expression.parts[i]) : Value::none();
  };
  const Value base = evaluate(*expression.parts[0]);
  const Value begin = bound(1), end = bound(2), step = bound(3);
  budget.line = expression.line;
  return slice(base, begin, end, step);
}

Value Machine::evaluate_join(const Expression& expression) {
  MarkedText result;
  for (const auto& part : expression.parts) {
    const MarkedText more = text(evaluate(*part));
    budget.make_text(result.size() + more.size(), more.size());
    result.append(more);
  }
  return Value(std::move(result));
}

Value Machine::evaluate_filter(const Expression& expression, const Value* piped) {
  const Expression* before = expression.parts[0].get();
  Value value;
  if (!before)
    value = piped ? *piped : Value();
  else if (before->kind == Expression::Kind::filter)
    value = evaluate_filter(*before, piped);
  else
    value = evaluate(*before);
  const Arguments arguments = evaluate_arguments(expression);
  budget.line = expression.line;
  return filter(expression.text, value, arguments);
}

Arguments Machine::evaluate_arguments(const Expression& expression) {
  Arguments arguments;
  for (std::size_t i = 1; i < expression.parts.size(); ++i)
    arguments.positional.push_back(evaluate(*expression.parts[i]));
  for (const auto& [name, value] : expression.named)
    arguments.named.emplace_back(name, evaluate(*value));
  return arguments;
}

std::vector<Value> Machine::evaluate_parts(const Expression& expression) {
  std::vector<Value> values;
  for (const auto& part : expression.parts) values.push_back(evaluate(*part));
  return values;
}

}  // namespace stemma::chat::jinja
