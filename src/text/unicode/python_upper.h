// Python's str.upper(), and the title case of a character, as str.capitalize() and str.title() use
// it. Python's lower() is in python_text.h.
//
//   std::string upper;
//   append_python_upper("straße", upper);         // "STRASSE"
//   append_python_title("ǆ", upper);              // "ǅ"
//
// Both are Unicode's full mappings (Unicode 15, section 3.13) without rules of single languages.
// Pure functions: any thread, no errors.
#pragma once

#include <string>
#include <string_view>

namespace stemma::unicode {

// Appends text.upper(). Invalid bytes stay as they are.
void append_python_upper(std::string_view text, std::string& upper);
// Appends the title case of each character.
void append_python_title(std::string_view text, std::string& title);

}  // namespace stemma::unicode
