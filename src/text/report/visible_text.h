// Escapes bytes for display, so that tokens can be shown in a terminal or a browser: nothing in
// them acts on it, and two different byte strings look different.
//
//   visible_text("a\tb")             a⇥b
//   visible_text(" \xe2\x80")        ·‹e2 80›        bytes that are no whole character
//   visible_text("\u202e\x1b[31m")   ‹U+202E›‹U+001B›[31m
//
// White space of ASCII has signs (· ⇥ ↵ ␍). A character that has no look of its own is shown by its
// number: control and format characters (bidirectional overrides, zero-width characters), variation
// selectors, other white space, private use, noncharacters. A combining mark that has no letter
// before it is put on a dotted circle. The result is valid UTF-8. Pure functions: any thread.
//
// Source: Unicode 15, general category Cf, property Default_Ignorable_Code_Point.
#pragma once

#include <cstddef>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

namespace stemma::report {

struct VisiblePart {
  std::string text;
  bool stands_for;  // shown in place of something else
  bool ends_line;   // "↵"
};

// Parts differ in stands_for from those beside them, and one ends at each "↵". What is behind the
// first `limit_bytes` bytes is one part: "‹+12 bytes›".
std::vector<VisiblePart> visible_parts(
    std::string_view bytes, std::size_t limit_bytes = std::numeric_limits<std::size_t>::max());

// All parts joined.
std::string visible_text(std::string_view bytes,
                         std::size_t limit_bytes = std::numeric_limits<std::size_t>::max());

// "e2 80": two digits for a byte, for at most `limit_bytes`; "…" stands for the rest.
std::string hex_of(std::string_view bytes,
                   std::size_t limit_bytes = std::numeric_limits<std::size_t>::max());

}  // namespace stemma::report
