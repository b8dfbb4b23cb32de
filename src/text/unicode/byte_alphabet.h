// GPT-2's mapping from bytes to printable characters (openai/gpt-2, src/encoder.py,
// bytes_to_unicode): files of byte-level BPE write each byte of a token as one visible character.
//
//   to_byte_alphabet(" the");        // "Ġthe"
//   from_byte_alphabet("Ġthe");      // " the"
//
// A byte that Latin-1 prints is written as itself. The other bytes, in their order, are written as
// U+0100, U+0101 and so on: a space is "Ġ", a line feed "Ċ". Pure functions: any thread.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace stemma::unicode {

// The 256 bytes in the order of their characters, which is also that of GPT-2's first 256 ids.
const std::array<std::uint8_t, 256>& byte_alphabet_order();

std::string to_byte_alphabet(std::string_view bytes);
// Nothing where `text` has a character that stands for no byte.
std::optional<std::string> from_byte_alphabet(std::string_view text);

}  // namespace stemma::unicode
