// What a template can call without a filter's bar: functions, and methods of strings, lists and
// objects, as Python has them.
//
//   call_function(machine, {"range"}, {{Value(3)}});   // [0, 1, 2]
//
// Throws unsupported with the line, through the machine.
#pragma once

#include <array>
#include <string_view>

#include "text/chat/jinja/machine.h"

namespace stemma::chat::jinja {

inline constexpr std::array<std::string_view, 5> kFunctions = {"range", "namespace", "dict",
                                                               "raise_exception", "strftime_now"};

Value call_function(Machine& machine, const Function& function, const Arguments& arguments);
// Of the function's `self`.
Value call_text_method(Machine& machine, const Function& method, const Arguments& arguments);
Value call_container_method(Machine& machine, const Function& method, const Arguments& arguments);

// Whether Python's type of `value` has a method of this name, one that is not supported too: it
// hides a key of the same name, as in Jinja2.
bool has_method(const Value& value, std::string_view name);

// Sets an attribute of a namespace. Fails for a value that holds a namespace itself.
void set_attribute(Machine& machine, Namespace& holder, std::string_view name, const Value& value);

// now as strftime() writes it in English: %Y-%m-%d.
std::string time_text(const Machine& machine, std::string_view format);

}  // namespace stemma::chat::jinja
