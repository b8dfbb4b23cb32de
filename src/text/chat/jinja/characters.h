// Texts as Python sees them: sequences of characters, not of bytes. Bytes that are not UTF-8 count
// as one character each.
//
//   count_characters("caf\u00e9");                 // 4
//   character_starts(text)[3];                     // the byte at which the fourth begins
//
// Pure functions: any thread, no errors.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "text/chat/jinja/marked_text.h"

namespace stemma::chat::jinja {

class Value;

// Of the character at the beginning of `bytes`, which is not empty.
std::size_t character_bytes(std::string_view bytes);
std::size_t count_characters(std::string_view bytes);
// One place for each character and the end.
std::vector<std::size_t> character_starts(std::string_view bytes);
std::vector<Value> characters_of(const MarkedText& text);

// Python's str.isspace().
bool is_space(std::string_view character);
// [begin, end) without the white space around it.
struct Stretch {
  std::size_t begin = 0, end = 0;
};
Stretch without_spaces(std::string_view bytes, bool left = true, bool right = true);
// The same for a set of characters.
Stretch without_characters(std::string_view bytes, std::string_view set, bool left, bool right);

// Cases as Python's str has them.
MarkedText upper(const MarkedText& text);
MarkedText lower(const MarkedText& text);
MarkedText capitalize(const MarkedText& text);
// str.title(): every stretch of letters begins with a capital one.
MarkedText title(const MarkedText& text);
// Jinja's filter of this name: after spaces, hyphens and opening brackets only.
MarkedText title_words(const MarkedText& text);

// markupsafe.escape().
MarkedText escaped(const MarkedText& text);

}  // namespace stemma::chat::jinja
