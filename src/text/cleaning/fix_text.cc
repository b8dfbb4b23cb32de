#include "text/cleaning/fix_text.h"

#include <algorithm>
#include <cstddef>

#include "text/cleaning/fix_characters.h"
#include "text/cleaning/html_entities.h"
#include "text/cleaning/mojibake.h"
#include "text/cleaning/normalize.h"
#include "text/unicode/code_points.h"

namespace stemma::cleaning {
namespace {

constexpr std::size_t kSegmentCharacters = 1'000'000;

// The length in bytes of the segment at the start of `text`.
std::size_t segment_length(std::string_view text) {
  text = text.substr(0, 4 * kSegmentCharacters);  // more than a segment, whatever the characters
  const std::size_t line = std::min(text.find('\n'), text.size() - 1) + 1;
  return line <= kSegmentCharacters
             ? line
             : unicode::bytes_of_characters(text.substr(0, line), kSegmentCharacters);
}

// The length of the lines, and of the whole segments of a long line, at the start of `text` that
// stay as they are: ASCII without entities, carriage returns and control characters. A '<' on the
// way ends the time of entities.
std::size_t plain_lines_length(std::string_view text, bool& entities) {
  std::size_t lines = 0;
  const auto before = [&](std::size_t place) {
    return lines + (place - lines) / kSegmentCharacters * kSegmentCharacters;
  };
  for (std::size_t place = 0; place < text.size(); ++place) {
    const auto c = static_cast<unsigned char>(text[place]);
    if (c >= 0x7F || (c < 0x20 && c != '\t' && c != '\n' && c != '\f')) return before(place);
    if (c == '\n') lines = place + 1;
    if (c == '<') entities = false;
    if (c == '&' && entities) return before(place);
  }
  return text.size();
}

void fix_segment(std::u32string& text, bool entities) {
  Effort effort(text.size());
  std::u32string before;
  do {
    before = text;
    if (entities) unescape_html(text);
    fix_encoding(text, effort);
    fix_characters(text);
    normalize_nfc(text);
  } while (text != before && effort.spend(text.size()));
}

}  // namespace

std::string fix_text(std::string_view text) {
  std::string fixed;
  fixed.reserve(text.size());
  // HTML keeps its entities, and what looked like HTML once stays so.
  bool entities = true;
  while (!text.empty()) {
    const std::size_t plain = plain_lines_length(text, entities);
    fixed.append(text.substr(0, plain));
    text.remove_prefix(plain);
    if (text.empty()) break;
    const std::size_t length = segment_length(text);
    std::u32string segment = unicode::to_code_points(text.substr(0, length));
    if (segment.find('<') != segment.npos) entities = false;
    fix_segment(segment, entities);
    unicode::append_utf8(segment, fixed);
    text.remove_prefix(length);
  }
  return fixed;
}

}  // namespace stemma::cleaning
