// Works on the bytes that mojibake came from: it repairs damaged UTF-8 sequences and decodes UTF-8
// and its variants. Private to text/.
//
//   std::string bytes = "\xC3 la mode";       // "Ã la mode" in Latin-1: the space was byte A0
//   restore_byte_a0(bytes);                   // "\xC3\xA0 la mode"
//   decode_utf8_variants(bytes);              // U"à la mode"
//
// Linear time. Pure functions: any thread, no errors. Source: ftfy 6.3.1, fixes.py, chardata.py and
// bad_codecs/utf8_variants.py.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace stemma::cleaning {

// Turns a space back into byte A0 where that makes a likely character: a program had replaced the
// no-break space A0. "Ã " becomes "à ", except in Portuguese words such as "às".
void restore_byte_a0(std::string& bytes);

// Replaces characters that lost a byte by U+FFFD. The byte 1A stands for the lost one, in one case
// "?".
void replace_lossy_sequences(std::string& bytes);

// Decodes UTF-8, pairs of surrogates in UTF-8 (CESU-8) and C0 80 for U+0000. Returns nothing where
// the bytes are anything else.
std::optional<std::u32string> decode_utf8_variants(std::string_view bytes);

}  // namespace stemma::cleaning
