// The steps of fix_text() that replace or remove single characters. Private to text/.
//
//   std::u32string line = U"“ﬁne”\r\n";
//   fix_characters(line);                    // U"\"fine\"\n"
//
// Pure functions: any thread. Source: ftfy 6.3.1, fixes.py and chardata.py.
#pragma once

#include <string>

namespace stemma::cleaning {

// Windows-1252's characters for C1 controls, as HTML5 has it; others stay. `c` is any character.
char32_t replace_c1_control(char32_t c);

// In this order: C1 controls, Latin ligatures, full and half width, curly quotes, line ends (CR LF,
// CR, U+2028, U+2029 become LF), terminal escapes "ESC [ digits and semicolons letter", and control
// characters and marks without a meaning in text, which are removed.
void fix_characters(std::u32string& text);

}  // namespace stemma::cleaning
