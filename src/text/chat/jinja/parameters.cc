#include "text/chat/jinja/parameters.h"

#include <algorithm>

#include <fmt/format.h>

namespace stemma::chat::jinja {

Parameters::Parameters(Machine& machine, std::string_view who, const Arguments& arguments,
                       std::initializer_list<std::string_view> names)
    : machine_(machine), who_(who), names_(names), values_(names.size(), nullptr) {
  if (arguments.positional.size() > names.size())
    machine.fail(fmt::format("'{}' takes at most {} arguments and got {}", who, names.size(),
                             arguments.positional.size()));
  for (std::size_t i = 0; i < arguments.positional.size(); ++i)
    values_[i] = &arguments.positional[i];
  for (const auto& [name, value] : arguments.named) {
    const auto place = static_cast<std::size_t>(std::ranges::find(names_, name) - names_.begin());
    if (place == names_.size() || values_[place])
      machine.fail(fmt::format("'{}' has no argument '{}', or got it twice", who, name));
    values_[place] = &value;
  }
}

void Parameters::fail(std::size_t place, std::string_view what) const {
  machine_.fail(fmt::format("'{}': its argument '{}' must be {}", who_, names_[place], what));
}

const Value* Parameters::find_some(std::size_t place) const {
  const Value* value = find(place);
  return value && !value->is_none() ? value : nullptr;
}

bool Parameters::flag(std::size_t place, bool fallback) const {
  const Value* value = find(place);
  return value ? truth(*value) : fallback;
}

std::int64_t Parameters::integer(std::size_t place, std::int64_t fallback) const {
  const Value* value = find(place);
  if (!value) return fallback;
  const auto integer = value->integer();
  if (!integer) fail(place, fmt::format("an integer, not {}", type_name(*value)));
  return *integer;
}

MarkedText Parameters::text(std::size_t place, std::string_view fallback) const {
  const Value* value = find(place);
  return value ? machine_.text(*value) : MarkedText(fallback, Origin::of_template);
}

const Value& Parameters::needed(std::size_t place) const {
  const Value* value = find(place);
  if (!value) fail(place, "given");
  return *value;
}

const MarkedText& Parameters::needed_text(std::size_t place) const {
  const Value& value = needed(place);
  if (!value.is_text()) fail(place, fmt::format("a string, not {}", type_name(value)));
  return *value.text();
}

}  // namespace stemma::chat::jinja
