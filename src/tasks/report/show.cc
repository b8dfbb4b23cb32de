#include "tasks/report/show.h"

#include <cmath>
#include <cstdint>
#include <vector>

#include <fmt/format.h>

namespace stemma::tasks::show {
namespace {

struct ShownCharacter {
  std::uint32_t code = 0xfffd;
  std::size_t bytes = 1;
};

// The character that begins at `at`; U+FFFD of one byte where there is none.
ShownCharacter character_at(std::string_view text, std::size_t at) {
  const auto byte = [&](std::size_t i) -> std::uint32_t {
    return static_cast<unsigned char>(text[i]);
  };
  const std::uint32_t first = byte(at);
  if (first < 0x80) return {first, 1};
  const std::size_t length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4 || at + length > text.size()) return {};
  std::uint32_t code = first & (0xffu >> (length + 1));
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(at + i) & 0xc0) != 0x80) return {};
    code = code << 6 | (byte(at + i) & 0x3f);
  }
  const std::uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
  if (code < least[length] || code > 0x10ffff || (code >= 0xd800 && code < 0xe000)) return {};
  return {code, length};
}

// Control characters, line and paragraph separators, marks that turn the direction of writing, and
// characters that show nothing.
bool is_hidden(std::uint32_t code) {
  return code < 0x20 || (code >= 0x7f && code < 0xa0) || code == 0xad || code == 0x61c ||
         (code >= 0x200b && code <= 0x200f && code != 0x200d && code != 0x200c) ||
         (code >= 0x2028 && code <= 0x202e) || (code >= 0x2060 && code <= 0x206f) ||
         code == 0xfeff || (code >= 0xfff9 && code <= 0xfffb) || code >= 0xe0000;
}

std::string by_number(std::uint32_t code) {
  if (code == '\n') return "\\n";
  if (code == '\r') return "\\r";
  if (code == '\t') return "\\t";
  return fmt::format("\\u{{{:x}}}", code);
}

std::size_t columns_of_character(std::uint32_t c) {
  if ((c >= 0x300 && c < 0x370) || c == 0x200c || c == 0x200d || (c >= 0xfe00 && c < 0xfe10))
    return 0;
  const bool wide =
      (c >= 0x1100 && c < 0x1160) || (c >= 0x2e80 && c < 0xa4d0) || (c >= 0xac00 && c < 0xd7a4) ||
      (c >= 0xf900 && c < 0xfb00) || (c >= 0xfe30 && c < 0xfe70) || (c >= 0xff00 && c < 0xff61) ||
      (c >= 0xffe0 && c < 0xffe7) || (c >= 0x1f300 && c < 0x1fb00) || (c >= 0x20000 && c < 0x40000);
  return wide ? 2 : 1;
}

}  // namespace

std::string cut(std::string_view text, std::size_t most) {
  std::string shown;
  std::size_t at = 0;
  for (std::size_t count = 0; at < text.size() && count < most; ++count) {
    const ShownCharacter c = character_at(text, at);
    if (is_hidden(c.code))
      shown += by_number(c.code);
    else if (c.code == 0xfffd)
      shown += "\xef\xbf\xbd";
    else
      shown += text.substr(at, c.bytes);
    at += c.bytes;
  }
  if (at < text.size()) shown += fmt::format("… (+{} bytes)", text.size() - at);
  return shown;
}

std::string shorten(std::string_view name, std::size_t most) {
  std::vector<std::size_t> places;  // of the characters
  for (std::size_t at = 0; at < name.size(); at += character_at(name, at).bytes)
    places.push_back(at);
  if (places.size() <= most) return cut(name, most);
  const std::size_t end = most / 3, begin = most - 1 - end;
  return cut(name.substr(0, places[begin]), begin) + "…" +
         cut(name.substr(places[places.size() - end]), end);
}

std::string html(std::string_view text) {
  std::string escaped;
  for (char c : text) switch (c) {
      case '&':
        escaped += "&amp;";
        break;
      case '<':
        escaped += "&lt;";
        break;
      case '>':
        escaped += "&gt;";
        break;
      case '"':
        escaped += "&quot;";
        break;
      case '\'':
        escaped += "&#39;";
        break;
      default:
        escaped += c;
    }
  return escaped;
}

std::string markdown(std::string_view text) {
  static constexpr std::string_view kMarks = "\\`*_[]|~#$!@";
  std::string escaped;
  for (char c : text) {
    if (c == '<' || c == '>' || c == '&') {
      escaped += html(std::string_view(&c, 1));
      continue;
    }
    if (kMarks.find(c) != std::string_view::npos) escaped += '\\';
    escaped += c;
  }
  return escaped;
}

std::size_t columns(std::string_view text) {
  std::size_t total = 0;
  for (std::size_t at = 0; at < text.size();) {
    const ShownCharacter c = character_at(text, at);
    total += columns_of_character(c.code);
    at += c.bytes;
  }
  return total;
}

std::string right(std::string_view text, std::size_t width) {
  const std::size_t has = columns(text);
  return std::string(width > has ? width - has : 0, ' ') + std::string(text);
}

std::string left(std::string_view text, std::size_t width) {
  const std::size_t has = columns(text);
  return std::string(text) + std::string(width > has ? width - has : 0, ' ');
}

std::string number(double value, int digits) {
  return std::isnan(value) ? "–" : fmt::format("{:.{}f}", value, digits);
}

}  // namespace stemma::tasks::show
