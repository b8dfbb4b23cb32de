#include "text/chat/jinja/escapes.h"

#include <charconv>
#include <cstdint>

#include "text/unicode/utf8.h"

namespace stemma::chat::jinja {
namespace {

constexpr std::string_view kEscapes = "ntrabfv\\'\"";
constexpr std::string_view kEscaped = "\n\t\r\a\b\f\v\\'\"";

// \x41, \u00e9, \U0001f600: `digits` of them.
bool append_code(std::string_view digits, std::size_t wanted, std::string& out) {
  std::uint32_t code = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), code, 16);
  if (digits.size() != wanted || error != std::errc() || end != digits.data() + wanted ||
      !unicode::is_scalar_value(code))
    return false;
  out += unicode::to_utf8(static_cast<char32_t>(code));
  return true;
}

// \0, \101: up to three octal digits.
std::size_t append_octal(std::string_view digits, std::string& out) {
  std::uint32_t code = 0;
  std::size_t size = 0;
  while (size < 3 && size < digits.size() && digits[size] >= '0' && digits[size] <= '7')
    code = code * 8 + static_cast<std::uint32_t>(digits[size++] - '0');
  out += unicode::to_utf8(static_cast<char32_t>(code));
  return size;
}

}  // namespace

std::optional<std::string> unescaped(std::string_view text) {
  std::string out;
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text[at] != '\\') {
      out += text[at];
      continue;
    }
    if (++at == text.size()) return std::nullopt;
    const char c = text[at];
    const std::size_t digits = c == 'x' ? 2 : c == 'u' ? 4 : c == 'U' ? 8 : 0;
    if (const std::size_t name = kEscapes.find(c); name != kEscapes.npos) {
      out += kEscaped[name];
    } else if (digits > 0) {
      if (!append_code(text.substr(at + 1, digits), digits, out)) return std::nullopt;
      at += digits;
    } else if (c >= '0' && c <= '7') {
      at += append_octal(text.substr(at), out) - 1;
    } else if (c == 'N') {
      return std::nullopt;  // characters by their names are not known here
    } else if (c != '\n') {
      out += '\\';
      out += c;
    }
  }
  return out;
}

}  // namespace stemma::chat::jinja
