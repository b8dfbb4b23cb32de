#include "text/cleaning/html_entities.h"

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string_view>

#include "text/cleaning/cleaning_tables.h"
#include "text/cleaning/fix_characters.h"

namespace stemma::cleaning {
namespace {

constexpr std::size_t kLongestEntityName = 24;
constexpr char32_t kHighestCharacter = 0x10FFFF;

int reference_digit(char32_t c) {
  if (c >= '0' && c <= '9') return static_cast<int>(c - '0');
  const char32_t lower = c | 0x20;
  return lower >= 'a' && lower <= 'f' ? static_cast<int>(lower - 'a') + 10 : 99;
}

bool is_ascii_alphanumeric(char32_t c) {
  const char32_t lower = c | 0x20;
  return (c >= '0' && c <= '9') || (lower >= 'a' && lower <= 'z');
}

// What HTML5 calls control characters and noncharacters; they are left out.
bool is_left_out(char32_t c) {
  return (c >= 0x1 && c <= 0x8) || c == 0xB || (c >= 0xE && c <= 0x1F) || c == 0x7F ||
         (c >= 0xFDD0 && c <= 0xFDEF) || (c & 0xFFFE) == 0xFFFE;
}

// digits: after "#". Nothing for text that is no number, and for a semicolon, as in ftfy.
std::optional<std::u32string> numeric_reference(std::u32string_view digits) {
  const int base = digits[0] == 'x' || digits[0] == 'X' ? 16 : 10;
  if (base == 16) digits.remove_prefix(1);
  if (digits.empty()) return std::nullopt;
  char32_t number = 0;
  for (const char32_t c : digits) {
    const int value = reference_digit(c);
    if (value >= base) return std::nullopt;
    number = std::min<char32_t>(number * static_cast<char32_t>(base) + static_cast<char32_t>(value),
                                kHighestCharacter + 1);
  }
  if (number == ';') return std::nullopt;
  if (number == 0 || number > kHighestCharacter || (number >= 0xD800 && number <= 0xDFFF))
    return U"\uFFFD";
  if (is_left_out(number)) return U"";
  return std::u32string(1, replace_c1_control(number));
}

// name: what stands between & and ;.
std::optional<std::u32string> named_reference(std::u32string_view name) {
  const std::string ascii(name.begin(), name.end());
  const auto entities = html_entities();
  const auto found = std::lower_bound(
      entities.begin(), entities.end(), ascii,
      [](const HtmlEntity& entity, const std::string& wanted) { return entity.name < wanted; });
  if (found == entities.end() || found->name != ascii) return std::nullopt;
  return found->text;
}

// The length of "&name;" or "&#digits;" at `place`, 0 where there is none.
std::size_t reference_length(std::u32string_view text, std::size_t place) {
  std::size_t begin = place + 1;
  if (begin < text.size() && text[begin] == '#') ++begin;
  std::size_t end = begin;
  while (end < text.size() && end - begin <= kLongestEntityName && is_ascii_alphanumeric(text[end]))
    ++end;
  const bool whole = end > begin && end - begin <= kLongestEntityName && end < text.size();
  return whole && text[end] == ';' ? end + 1 - place : 0;
}

}  // namespace

void unescape_html(std::u32string& text) {
  std::size_t place = text.find('&');
  if (place == text.npos) return;
  std::u32string result;
  std::size_t copied = 0;
  while (place != text.npos) {
    const std::size_t length = reference_length(text, place);
    if (length == 0) {
      place = text.find('&', place + 1);
      continue;
    }
    const std::u32string_view name = std::u32string_view(text).substr(place + 1, length - 2);
    const auto replacement =
        name[0] == '#' ? numeric_reference(name.substr(1)) : named_reference(name);
    if (replacement) {
      result.append(text, copied, place - copied);
      result += *replacement;
      copied = place + length;
    }
    place = text.find('&', place + length);
  }
  if (copied == 0) return;
  result.append(text, copied);
  text = std::move(result);
}

}  // namespace stemma::cleaning
