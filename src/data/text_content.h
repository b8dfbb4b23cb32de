// Is it text, and in which encoding? Decided by what a file holds; its name is not looked at.
//
//   const TextContent content = look_at(first_bytes);
//   if (!content.refusal.empty()) leave_out(path, content.refusal);
//
// Pure functions: any thread, no errors.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace stemma {

enum class TextEncoding : std::uint8_t { utf8, utf16_le, utf16_be, utf32_le, utf32_be };

// "UTF-16".
std::string_view name_of(TextEncoding encoding);

struct TextContent {
  TextEncoding encoding = TextEncoding::utf8;  // others only behind a byte-order mark
  std::string refusal;                         // why it is no text, and what to do; empty: it is
};

// How much of a file should be looked at, after decompression.
inline constexpr std::size_t kLookBytes = 64 << 10;

// Text is UTF-8 with at most one damaged character in a thousand, no zero bytes and hardly any
// control characters, or anything behind a byte-order mark of UTF-16 or UTF-32. `begin` may end
// inside a character. rows: of JSON, whose reader says what is damaged in which.
TextContent look_at(std::string_view begin, bool rows = false);

// Whether JSON text is rows, one object a line, and not one value over many lines.
bool is_json_lines(std::string_view begin);
// What the first of such rows is: no JSON object, one without a string in this field, or one with
// it, which it is also taken for where it does not end in `begin`.
enum class FirstRow : std::uint8_t { damaged, without_field, with_field };
FirstRow first_row(std::string_view begin, const std::string& field);

struct CharacterCount {
  std::size_t characters = 0;     // of UTF-8, and bytes that are none
  std::size_t damaged = 0;        // of these
  std::size_t control = 0;        // characters that no text has
  std::size_t first_damaged = 0;  // the byte
};
// What `text` ends in the middle of is not counted.
CharacterCount count_characters(std::string_view text);

}  // namespace stemma
