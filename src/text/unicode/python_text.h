// Python's str.isspace() and str.lower(), which GPT-1's preparation of text is defined by.
//
//   python_space_at("a\u00a0b", 1);               // 2: the length of the no-break space
//   std::string lower;
//   append_python_lower("ΟΔΟΣ", lower);           // "οδος": a sigma at the end of a word differs
//
// isspace() is White_Space and U+001C to U+001F. lower() is Unicode's full mapping (Unicode 15,
// section 3.13, R2) with the condition Final_Sigma and without rules of single languages. The
// program tables/generate_lower_case.cc writes the tables from ICU when Stemma is built. Pure
// functions: any thread, no errors.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "text/unicode/unicode.h"
#include "text/unicode/utf8.h"

namespace stemma::unicode {

// The length of the white space character at a place (< text.size()), 0 where there is none.
inline std::size_t python_space_at(std::string_view text, std::size_t place) {
  const auto byte = static_cast<unsigned char>(text[place]);
  if (byte < 0x80)
    return byte == ' ' || (byte >= '\t' && byte <= '\r') || (byte >= 0x1C && byte <= 0x1F);
  char32_t c = 0;
  const std::size_t length = decode_utf8(text.substr(place), c);
  return length > 0 && char_class(c) == CharClass::space ? length : 0;
}

// Appends text.lower(). Invalid bytes stay as they are.
void append_python_lower(std::string_view text, std::string& lower);
// Appends the lower case of each character alone, "".join(c.lower() for c in text), where a sigma
// at the end of a word is none.
void append_python_lower_each(std::string_view text, std::string& lower);

}  // namespace stemma::unicode
