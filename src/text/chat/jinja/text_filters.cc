#include <fmt/format.h>

#include "text/chat/jinja/characters.h"
#include "text/chat/jinja/filters.h"
#include "text/chat/jinja/parameters.h"
#include "text/chat/jinja/text_work.h"

namespace stemma::chat::jinja {
namespace {

bool is_markup(const Value& value) { return value.is_text() && value.marked()->markup; }

template <MarkedText (*kChange)(const MarkedText&)>
Value changed_filter(Machine& machine, const Value& value, const Arguments& arguments) {
  const Parameters none(machine, "a filter for letters", arguments, {});
  const MarkedText text = machine.text(value);
  machine.budget.make_text(text.size());
  return machine.make_text(kChange(text), is_markup(value));
}

Value trim_filter(Machine& machine, const Value& value, const Arguments& arguments) {
  const Parameters p(machine, "trim", arguments, {"chars"});
  const MarkedText text = machine.text(value);
  Stretch kept = without_spaces(text.bytes());
  if (p.find_some(0)) {
    const std::string& set = p.needed_text(0).bytes();
    machine.budget.search(text.size(), set.size() * 64);
    kept = without_characters(text.bytes(), set, true, true);
  }
  return machine.make_text(text.part(kept.begin, kept.end), is_markup(value));
}

Value replace_filter(Machine& machine, const Value& value, const Arguments& arguments) {
  const Parameters p(machine, "replace", arguments, {"old", "new", "count"});
  p.needed(0);
  p.needed(1);
  return Value(replaced(machine, machine.text(value), p.text(0, "").bytes(), p.text(1, ""),
                        p.find_some(2) ? p.integer(2, -1) : -1));
}

Value join_filter(Machine& machine, const Value& value, const Arguments& arguments) {
  const Parameters p(machine, "join", arguments, {"d", "attribute"});
  std::vector<MarkedText> parts;
  for (const Value& item : machine.items(value))
    parts.push_back(
        machine.text(p.find_some(1) ? attribute_path(machine, item, p.needed(1)) : item));
  return Value(joined(machine, parts, p.text(0, "")));
}

Value indent_filter(Machine& machine, const Value& value, const Arguments& arguments) {
  const Parameters p(machine, "indent", arguments, {"width", "first", "blank"});
  const MarkedText text = machine.text(value);
  MarkedText indent;
  if (const Value* width = p.find(0); width && width->is_text()) {
    indent = *width->text();
  } else {
    const std::int64_t spaces = std::max<std::int64_t>(p.integer(0, 4), 0);
    machine.budget.make_text(static_cast<std::size_t>(spaces));
    indent = MarkedText(std::string(static_cast<std::size_t>(spaces), ' '), Origin::of_template);
  }
  const bool first = p.flag(1, false), blank = p.flag(2, false);
  // A line feed at the end begins a last, empty line.
  MarkedText whole = text;
  whole.append("\n", Origin::of_template);
  MarkedText out;
  bool is_first = true;
  for (const Stretch& line : lines_of(whole.bytes())) {
    machine.budget.make_text(out.size() + indent.size() + (line.end - line.begin) + 1,
                             indent.size() + 1);
    if (!is_first) out.append("\n", Origin::of_template);
    if (is_first ? first : blank || line.end > line.begin) out.append(indent);
    out.append(whole, line.begin, line.end);
    is_first = false;
  }
  return machine.make_text(std::move(out), is_markup(value));
}

constexpr NamedFilter kTextFilters[] = {{"upper", changed_filter<upper>},
                                        {"lower", changed_filter<lower>},
                                        {"capitalize", changed_filter<capitalize>},
                                        {"title", changed_filter<title_words>},
                                        {"trim", trim_filter},
                                        {"replace", replace_filter},
                                        {"join", join_filter},
                                        {"indent", indent_filter}};

}  // namespace

std::span<const NamedFilter> text_filters() { return kTextFilters; }

}  // namespace stemma::chat::jinja
