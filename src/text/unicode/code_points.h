// Converts between UTF-8 and UTF-32, for work that looks at characters more than once. Private to
// text/.
//
//   std::u32string line = to_code_points("caf\xC3\xA9 \xFF");   // U"café \uFFFD"
//   append_utf8(line, out);
//
// Pure functions: any thread, no errors.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace stemma::unicode {

// Bytes that are not UTF-8 become one U+FFFD for each maximal part of a character (Unicode 15,
// section 3.9, "U+FFFD Substitution of Maximal Subparts").
std::u32string to_code_points(std::string_view bytes);

// How many bytes the first `count` characters take, those that are not UTF-8 counted as above.
std::size_t bytes_of_characters(std::string_view bytes, std::size_t count);

// text: no surrogates, nothing above U+10FFFF.
void append_utf8(std::u32string_view text, std::string& out);

}  // namespace stemma::unicode
