// Python's arithmetic on the values of a template.
//
//   add(machine, Value(1), Value(2.5));            // 3.5
//
// A number computed from data is data. Fails through the machine where Python would, and for
// integers above 63 bits.
#pragma once

#include <string_view>

#include "text/chat/jinja/machine.h"

namespace stemma::chat::jinja {

// sign: + - * / // % **
Value calculate(Machine& machine, std::string_view sign, const Value& a, const Value& b);
Value negative(Machine& machine, const Value& value);

}  // namespace stemma::chat::jinja
