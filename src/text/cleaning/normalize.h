// Puts text in Unicode normalization form C (UAX #15): canonical decomposition, then composition.
// Private to text/.
//
//   std::u32string line = U"e\u0301";
//   normalize_nfc(line);                // U"é"
//
// Time is n log n in the longest run of combining marks. Pure function: any thread.
#pragma once

#include <string>

namespace stemma::cleaning {

void normalize_nfc(std::u32string& text);

// Appends the canonical decomposition of one character, itself where it has none.
void append_decomposition(char32_t c, std::u32string& out);

}  // namespace stemma::cleaning
