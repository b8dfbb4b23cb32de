// Bytes of text that was read in a wrong charset: repairs, and reading them as UTF-8. Private to
// text/.
//
//   std::string bytes = "\xC3 la mode";       // "Ã la mode" in Latin-1: the space was A0
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

// Spaces that were byte A0, within what is then a likely character. "Ã " becomes "à ", but for
// Portuguese words such as "às".
void restore_byte_a0(std::string& bytes);

// Characters of which a byte was lost (1A, and once ? for it) become U+FFFD.
void replace_lossy_sequences(std::string& bytes);

// UTF-8, pairs of surrogates in UTF-8 (CESU-8) and C0 80 for U+0000; nothing where the bytes are
// anything else.
std::optional<std::u32string> decode_utf8_variants(std::string_view bytes);

}  // namespace stemma::cleaning
