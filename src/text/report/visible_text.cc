#include "text/report/visible_text.h"

#include <algorithm>
#include <iterator>

#include <fmt/format.h>

#include "text/unicode/unicode.h"
#include "text/unicode/utf8.h"

namespace stemma::report {
namespace {

struct CharacterRange {
  char32_t first, last;
};

// Ascending. Cf, Default_Ignorable_Code_Point, private use, the separators U+2028 and U+2029, and
// the planes from 14 on, which have nothing else.
constexpr CharacterRange kWithoutLook[] = {
    {0xAD, 0xAD},       {0x34F, 0x34F},     {0x600, 0x605},     {0x61C, 0x61C},
    {0x6DD, 0x6DD},     {0x70F, 0x70F},     {0x890, 0x891},     {0x8E2, 0x8E2},
    {0x115F, 0x1160},   {0x17B4, 0x17B5},   {0x180B, 0x180F},   {0x200B, 0x200F},
    {0x2028, 0x202E},   {0x2060, 0x206F},   {0x3164, 0x3164},   {0xE000, 0xF8FF},
    {0xFDD0, 0xFDEF},   {0xFE00, 0xFE0F},   {0xFEFF, 0xFEFF},   {0xFFA0, 0xFFA0},
    {0xFFF0, 0xFFFB},   {0x110BD, 0x110BD}, {0x110CD, 0x110CD}, {0x13430, 0x1343F},
    {0x1BCA0, 0x1BCA3}, {0x1D173, 0x1D17A}, {0xE0000, 0x10FFFF}};

bool has_look(char32_t c) {
  if (c < 0xA0) return c > 0x20 && c < 0x7F;
  if ((c & 0xFFFE) == 0xFFFE || unicode::char_class(c) == unicode::CharClass::space) return false;
  const auto* const range =
      std::lower_bound(std::begin(kWithoutLook), std::end(kWithoutLook), c,
                       [](const CharacterRange& one, char32_t value) { return one.last < value; });
  return range == std::end(kWithoutLook) || c < range->first;
}

std::string sign_of(char32_t c) {
  switch (c) {
    case ' ':
      return "·";
    case '\t':
      return "⇥";
    case '\n':
      return "↵";
    case '\r':
      return "␍";
    default:
      return fmt::format("‹U+{:04X}›", static_cast<std::uint32_t>(c));
  }
}

class PartList {
 public:
  void add(std::string_view text, bool stands_for, bool ends_line = false) {
    if (parts_.empty() || parts_.back().stands_for != stands_for || parts_.back().ends_line)
      parts_.push_back({{}, stands_for, false});
    parts_.back().text += text;
    parts_.back().ends_line = ends_line;
  }
  // A combining mark would change what stands before it.
  bool mark_needs_base() const { return parts_.empty() || parts_.back().stands_for; }
  std::vector<VisiblePart> take() { return std::move(parts_); }

 private:
  std::vector<VisiblePart> parts_;
};

}  // namespace

std::string hex_of(std::string_view bytes, std::size_t limit_bytes) {
  std::string text;
  for (const char byte : bytes.substr(0, limit_bytes))
    text += fmt::format("{}{:02x}", text.empty() ? "" : " ", static_cast<unsigned char>(byte));
  return bytes.size() > limit_bytes ? text + " …" : text;
}

std::vector<VisiblePart> visible_parts(std::string_view bytes, std::size_t limit_bytes) {
  PartList parts;
  std::size_t at = 0;
  while (at < bytes.size() && at < limit_bytes) {
    char32_t c = 0;
    std::size_t length = unicode::decode_utf8(bytes.substr(at), c);
    if (length == 0) {
      const std::size_t begin = at;
      while (at < bytes.size() && at < limit_bytes &&
             unicode::decode_utf8(bytes.substr(at), c) == 0)
        ++at;
      parts.add(fmt::format("‹{}›", hex_of(bytes.substr(begin, at - begin))), true);
      continue;
    }
    if (has_look(c)) {
      if (unicode::char_class(c) == unicode::CharClass::mark && parts.mark_needs_base())
        parts.add("◌", false);
      parts.add(bytes.substr(at, length), false);
    } else {
      parts.add(sign_of(c), true, c == '\n');
    }
    at += length;
  }
  if (at < bytes.size()) parts.add(fmt::format("‹+{} bytes›", bytes.size() - at), true);
  return parts.take();
}

std::string visible_text(std::string_view bytes, std::size_t limit_bytes) {
  std::string text;
  for (const VisiblePart& part : visible_parts(bytes, limit_bytes)) text += part.text;
  return text;
}

}  // namespace stemma::report
