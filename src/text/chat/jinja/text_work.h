// What string methods and filters share.
//
//   replaced(machine, text, "\n", spaces, -1);
//
// Fails through the machine where a text would be too long.
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "text/chat/jinja/characters.h"
#include "text/chat/jinja/machine.h"

namespace stemma::chat::jinja {

// str.replace(): the first `most` of them, or all where that is negative.
MarkedText replaced(Machine& machine, const MarkedText& text, std::string_view what,
                    const MarkedText& with, std::int64_t most);
MarkedText joined(Machine& machine, std::span<const MarkedText> parts, const MarkedText& separator);
// What a dotted name finds in a value, part by part: "function.name", "0.x".
Value attribute_path(Machine& machine, const Value& value, const Value& path);
// str.splitlines(): without their ends.
std::vector<Stretch> lines_of(std::string_view bytes);

}  // namespace stemma::chat::jinja
