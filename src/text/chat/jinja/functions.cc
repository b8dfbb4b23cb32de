#include "text/chat/jinja/functions.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/error.h"
#include "text/chat/jinja/parameters.h"
#include "text/chat/jinja/printing.h"

namespace stemma::chat::jinja {
namespace {

constexpr std::int64_t kMostInRange = 100'000;  // as in Jinja2's sandbox

// All that Python's str, dict, list and tuple have: a key of such a name is hidden by the method.
constexpr std::array<std::string_view, 47> kTextMethods = {
    "capitalize",   "casefold",    "center",    "count",      "encode",       "endswith",
    "expandtabs",   "find",        "format",    "format_map", "index",        "isalnum",
    "isalpha",      "isascii",     "isdecimal", "isdigit",    "isidentifier", "islower",
    "isnumeric",    "isprintable", "isspace",   "istitle",    "isupper",      "join",
    "ljust",        "lower",       "lstrip",    "maketrans",  "partition",    "removeprefix",
    "removesuffix", "replace",     "rfind",     "rindex",     "rjust",        "rpartition",
    "rsplit",       "rstrip",      "split",     "splitlines", "startswith",   "strip",
    "swapcase",     "title",       "translate", "upper",      "zfill"};
constexpr std::array<std::string_view, 11> kMappingMethods = {
    "clear", "copy",    "fromkeys",   "get",    "items", "keys",
    "pop",   "popitem", "setdefault", "update", "values"};
constexpr std::array<std::string_view, 11> kListMethods = {"append", "clear",   "copy",   "count",
                                                           "extend", "index",   "insert", "pop",
                                                           "remove", "reverse", "sort"};
constexpr std::array<std::string_view, 2> kTupleMethods = {"count", "index"};

Value range(Machine& machine, const Arguments& arguments) {
  const Parameters p(machine, "range", arguments, {"start", "stop", "step"});
  const bool one = !p.find(1);
  const std::int64_t begin = one ? 0 : p.integer(0, 0), end = p.integer(one ? 0 : 1, 0),
                     step = p.integer(2, 1);
  p.needed(0);
  if (step == 0) machine.fail("range() cannot have step 0");
  std::vector<Value> items;
  for (std::int64_t at = begin; step > 0 ? at < end : at > end;) {
    if (std::ssize(items) == kMostInRange)
      machine.fail(fmt::format("a range of more than {} numbers", kMostInRange));
    items.emplace_back(at);
    if (__builtin_add_overflow(at, step, &at)) break;
  }
  return machine.make_list(std::move(items), Sequence::Kind::range);
}

// What dict() and namespace() take: another mapping, or pairs, and named values.
Mapping mapping_of(Machine& machine, const Arguments& arguments) {
  Mapping result;
  if (arguments.positional.size() > 1) machine.fail("dict() takes one value and named ones");
  if (!arguments.positional.empty()) {
    const Value& given = arguments.positional[0];
    if (const Mapping* mapping = given.mapping())
      result = *mapping;
    else
      for (const Value& item : machine.items(given)) {
        const std::vector<Value> pair = machine.items(item);
        if (pair.size() != 2 || !result.set(pair[0], pair[1]))
          machine.fail("dict() needs pairs of a key and a value");
      }
  }
  for (const auto& [name, value] : arguments.named)
    result.set(Value(name, Origin::of_template), value);
  machine.budget.step(result.size());
  return result;
}

Value make_namespace(Machine& machine, const Arguments& arguments) {
  auto space = std::make_shared<Namespace>();
  const Mapping given = mapping_of(machine, arguments);
  for (const auto& [key, value] : given.entries())
    set_attribute(machine, *space, machine.text(key).bytes(), value);
  return Value(std::move(space));
}

Value mapping_method(Machine& machine, const std::string& name, const Mapping& mapping,
                     const Arguments& arguments) {
  using enum Sequence::Kind;
  std::vector<Value> parts;
  if (name == "get") {
    const Parameters p(machine, "get", arguments, {"key", "default"});
    const Value* found = mapping.find(p.needed(0));
    return found ? *found : p.find(1) ? *p.find(1) : Value::none();
  }
  const Parameters none(machine, name, arguments, {});
  if (name == "copy") return Value(std::make_shared<const Mapping>(mapping));
  for (const auto& [key, value] : mapping.entries())
    parts.push_back(name == "items"  ? machine.make_list({key, value}, tuple)
                    : name == "keys" ? key
                                     : value);
  return machine.make_list(std::move(parts), name == "items"  ? items
                                             : name == "keys" ? keys
                                                              : values);
}

Value list_method(Machine& machine, const std::string& name, const Sequence& list,
                  const Arguments& arguments) {
  const Parameters p(machine, name, arguments, {"value"});
  if (name == "copy") return machine.make_list(list.items);
  std::int64_t count = 0;
  for (std::size_t i = 0; i < list.items.size(); ++i) {
    if (!machine.equal(list.items[i], p.needed(0))) continue;
    if (name == "index") return Value(static_cast<std::int64_t>(i));
    ++count;
  }
  if (name == "index") machine.fail("index(): the list does not have the value");
  return Value(count);
}

Value cycled(Machine& machine, const Loop& loop, const Arguments& arguments) {
  if (arguments.positional.empty()) machine.fail("loop.cycle() needs values");
  return arguments.positional[loop.index % arguments.positional.size()];
}

}  // namespace

bool has_method(const Value& value, std::string_view name) {
  const auto among = [&](const auto& names) {
    return std::ranges::find(names, name) != names.end();
  };
  if (value.is_text()) return among(kTextMethods);
  if (value.mapping()) return among(kMappingMethods);
  const Sequence* sequence = value.sequence();
  if (!sequence) return false;
  if (sequence->kind == Sequence::Kind::list) return among(kListMethods);
  return sequence->kind <= Sequence::Kind::range && among(kTupleMethods);
}

void set_attribute(Machine& machine, Namespace& holder, std::string_view name, const Value& value) {
  if (name.starts_with('_'))
    machine.fail(fmt::format("a namespace takes no name that begins with '_' such as '{}'", name));
  if (size_of(value).has_namespace && !value.shared<const Macro>())
    machine.fail("a namespace inside a namespace is not supported");
  constexpr std::size_t kMostAttributes = 10'000;
  if (holder.attributes.size() >= kMostAttributes && !holder.attributes.find(name))
    machine.fail(fmt::format("a namespace with more than {} names", kMostAttributes));
  holder.attributes.set(Value(name, Origin::of_template), value);
}

Value call_function(Machine& machine, const Function& function, const Arguments& arguments) {
  if (function.name == "range") return range(machine, arguments);
  if (function.name == "namespace") return make_namespace(machine, arguments);
  if (function.name == "dict")
    return Value(std::make_shared<const Mapping>(mapping_of(machine, arguments)));
  if (function.name == "raise_exception") {
    const Parameters p(machine, "raise_exception", arguments, {"message"});
    throw Error(ErrorCode::invalid_argument,
                fmt::format("[chat] the chat template refuses this conversation (line {}): {}",
                            machine.budget.line, machine.text(p.needed(0)).bytes()));
  }
  const Parameters p(machine, "strftime_now", arguments, {"format"});
  return machine.make_text(
      MarkedText(time_text(machine, p.needed_text(0).bytes()), Origin::of_template));
}

Value call_container_method(Machine& machine, const Function& method, const Arguments& arguments) {
  const auto& [name, self] = method;
  constexpr std::array<std::string_view, 6> kKnown = {"get",    "items", "keys",
                                                      "values", "copy",  "count"};
  const bool known = std::ranges::find(kKnown, name) != kKnown.end() || name == "index";
  if (const Mapping* mapping = self->mapping(); mapping && known)
    return mapping_method(machine, name, *mapping, arguments);
  if (const Sequence* sequence = self->sequence(); sequence && known)
    return list_method(machine, name, *sequence, arguments);
  if (const Loop* loop = self->shared<const Loop>(); loop && name == "cycle")
    return cycled(machine, *loop, arguments);
  machine.fail(fmt::format(
      "{}.{}() is not supported: lists and objects cannot be changed; make new ones with + or "
      "dict(), and keep them in a namespace",
      type_name(*self), name));
}

std::string time_text(const Machine& machine, std::string_view format) {
  constexpr std::string_view kKnown = "YmdHMSBbAayjIpFTDeR%";
  std::string out;
  for (std::size_t i = 0; i < format.size(); ++i) {
    if (format[i] != '%') {
      out += format[i];
      continue;
    }
    const bool plain = i + 1 < format.size() && format[i + 1] == '-';  // without a leading 0
    i += plain ? 2 : 1;
    if (i >= format.size() || kKnown.find(format[i]) == kKnown.npos)
      machine.fail(fmt::format("strftime_now() knows % with one of {}", kKnown));
    const char code[] = {'%', format[i], 0};
    char text[64];
    // The C locale, as nobody sets another one.
    out.append(text, std::strftime(text, sizeof text, code, &machine.now()));
    if (const std::size_t at = out.size() - std::min<std::size_t>(out.size(), 2);
        plain && out.size() >= 2 && (out[at] == '0' || out[at] == ' '))
      out.erase(at, 1);
  }
  return out;
}

}  // namespace stemma::chat::jinja
