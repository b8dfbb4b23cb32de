// What values print: Python's str() and repr(), and json.dumps().
//
//   printed(budget, Value(1.0));                   // 1.0
//   represented(budget, list);                     // ['a', 1, None]
//   as_json(budget, list, {.indent = "  "});
//
// Every byte keeps where it is from: what stands around the strings of a list or an object is data,
// as it tells of data. Throws unsupported with the line for what is no JSON, and see Budget.
#pragma once

#include <optional>
#include <string>

#include "text/chat/jinja/budget.h"
#include "text/chat/jinja/value.h"

namespace stemma::chat::jinja {

MarkedText printed(Budget& budget, const Value& value);
MarkedText represented(Budget& budget, const Value& value);

struct JsonStyle {
  std::optional<std::string> indent;  // none: one line
  std::string between_items = ", ", behind_key = ": ";
  bool ascii = false;      // everything else as \u00e9
  bool sort_keys = false;  // by their bytes
};
MarkedText as_json(Budget& budget, const Value& value, const JsonStyle& style);

// Python's repr() of a float.
std::string float_text(double value);

}  // namespace stemma::chat::jinja
