#include "text/cleaning/mojibake.h"

#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>

#include "text/cleaning/badness.h"
#include "text/cleaning/cleaning_tables.h"
#include "text/cleaning/fix_characters.h"
#include "text/cleaning/mojibake_bytes.h"

namespace stemma::cleaning {
namespace {

// The limit of recursion: a part of a text is repaired as a text of its own, which has parts again.
// A part is at most half as long as the text around it, except for C1 controls; only crafted text
// reaches the limit.
constexpr int kDeepestPart = 48;

std::uint16_t charsets_of(std::u32string_view text) {
  std::uint16_t charsets = kAllCharsets;
  for (const char32_t c : text) {
    charsets &= mojibake_character(c).charsets;
    if (charsets == 0) break;
  }
  return charsets;
}

std::string encode_in(std::u32string_view text, int charset) {
  std::string bytes;
  bytes.reserve(text.size());
  for (const char32_t c : text)
    bytes.push_back(static_cast<char>(mojibake_character(c).byte[charset]));
  return bytes;
}

// Encodes the text in each charset in turn and returns the first result that is UTF-8, decoded.
std::optional<std::u32string> read_again(std::u32string_view text) {
  const unsigned charsets = charsets_of(text);
  for (int charset = 0; charset < kCharsets; ++charset) {
    if ((charsets >> charset & 1) == 0) continue;
    std::string bytes = encode_in(text, charset);
    // In Mac Roman this would be a dash before a space.
    if (charset != kMacRoman) restore_byte_a0(bytes);
    if (kSloppyCharsets >> charset & 1) replace_lossy_sequences(bytes);
    if (std::optional<std::u32string> decoded = decode_utf8_variants(bytes)) return decoded;
  }
  return std::nullopt;
}

// Where the run of characters that begins at `place`, each of which could be a byte of UTF-8 in
// some charset, ends.
std::size_t likely_utf8_end(std::u32string_view text, std::size_t place) {
  for (;;) {
    if (place >= text.size()) return place;
    const std::uint32_t traits = mojibake_character(text[place]).traits;
    const std::size_t length = traits & kFirstOf2   ? 2
                               : traits & kFirstOf3 ? 3
                               : traits & kFirstOf4 ? 4
                                                    : 0;
    if (length == 0 || place + length > text.size()) return place;
    for (std::size_t i = 1; i < length; ++i)
      if (!(mojibake_character(text[place + i]).traits & kContinuation)) return place;
    place += length;
  }
}

void fix_encoding_within(std::u32string& text, Effort& effort, int depth);

// For a text that has no charset as a whole: repairs each part that looks like UTF-8 by itself.
// Returns whether the text changed.
bool fix_parts(std::u32string& text, Effort& effort, int depth) {
  std::u32string result;
  std::size_t copied = 0;
  for (std::size_t place = 0; place < text.size();) {
    // Behind a character that continues one, this is the middle of something that stays broken.
    const bool inside =
        place > 0 && (mojibake_character(text[place - 1]).traits & kContinuationStrict);
    const std::size_t end = inside ? place : likely_utf8_end(text, place);
    if (end == place) {
      ++place;
      continue;
    }
    std::u32string part = text.substr(place, end - place);
    if (part.size() < text.size() && depth < kDeepestPart && looks_wrong(part)) {
      fix_encoding_within(part, effort, depth + 1);
      result.append(text, copied, place - copied);
      result += part;
      copied = end;
    }
    place = end;
  }
  if (copied == 0) return false;
  result.append(text, copied);
  if (result == text) return false;
  text = std::move(result);
  return true;
}

// Replaces C1 controls by the characters of Windows-1252: text that was decoded as Latin-1 but was
// Windows-1252. Returns whether the text changed.
bool fix_c1_controls(std::u32string& text) {
  bool changed = false;
  for (char32_t& c : text) {
    const char32_t replaced = replace_c1_control(c);
    changed |= replaced != c;
    c = replaced;
  }
  return changed;
}

bool fix_encoding_once(std::u32string& text, Effort& effort, int depth) {
  if (!looks_wrong(text)) return false;
  if (std::optional<std::u32string> read = read_again(text)) {
    const bool changed = *read != text;
    text = std::move(*read);
    return changed;
  }
  return fix_parts(text, effort, depth) || fix_c1_controls(text);
}

void fix_encoding_within(std::u32string& text, Effort& effort, int depth) {
  while (effort.spend(text.size()) && fix_encoding_once(text, effort, depth)) {
  }
}

}  // namespace

void fix_encoding(std::u32string& text, Effort& effort) { fix_encoding_within(text, effort, 0); }

}  // namespace stemma::cleaning
