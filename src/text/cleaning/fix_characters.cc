#include "text/cleaning/fix_characters.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "text/cleaning/cleaning_tables.h"

namespace stemma::cleaning {
namespace {

constexpr char32_t kEscapeCharacter = 0x1B;

// Bytes 0x80 to 0x9F of Windows-1252; the five it does not use stand for themselves.
constexpr std::array<char16_t, 32> kWindows1252 = {
    0x20AC, 0x81,   0x201A, 0x0192, 0x201E, 0x2026, 0x2020, 0x2021, 0x02C6, 0x2030, 0x0160,
    0x2039, 0x0152, 0x8D,   0x017D, 0x8F,   0x90,   0x2018, 0x2019, 0x201C, 0x201D, 0x2022,
    0x2013, 0x2014, 0x02DC, 0x2122, 0x0161, 0x203A, 0x0153, 0x9D,   0x017E, 0x0178};

// Ligatures, and digraphs that exist for old encodings only. No ligature that is written on
// purpose, such as æ.
std::u32string_view ligature_letters(char32_t c) {
  static constexpr std::array<std::u32string_view, 7> kTypographic = {U"ff",  U"fi", U"fl", U"ffi",
                                                                      U"ffl", U"ſt", U"st"};
  static constexpr std::array<std::u32string_view, 9> kDigraphs = {
      U"DŽ", U"Dž", U"dž", U"LJ", U"Lj", U"lj", U"NJ", U"Nj", U"nj"};
  if (c >= 0xFB00 && c <= 0xFB06) return kTypographic[c - 0xFB00];
  if (c >= 0x1C4 && c <= 0x1CC) return kDigraphs[c - 0x1C4];
  switch (c) {
    case 0x132:
      return U"IJ";
    case 0x133:
      return U"ij";
    case 0x149:
      return U"\u02BCn";
    case 0x1F1:
      return U"DZ";
    case 0x1F2:
      return U"Dz";
    case 0x1F3:
      return U"dz";
    default:
      return {};
  }
}

char32_t straight_quote(char32_t c) {
  if (c == 0x2BC || (c >= 0x2018 && c <= 0x201B)) return U'\'';
  if (c >= 0x201C && c <= 0x201F) return U'"';
  return c;
}

bool has_no_place_in_text(char32_t c) {
  if (c < 0x20) return c != '\t' && c != '\n' && c != '\f' && c != '\r';
  return c == 0x7F || (c >= 0x206A && c <= 0x206F) || c == 0xFEFF || (c >= 0xFFF9 && c <= 0xFFFC);
}

// Characters that replace_characters() changes; CR too, whose line feed it has to look for.
bool may_be_replaced(char32_t c) {
  if (c < 0x80) return c == '\r';
  return c <= 0x9F || (c >= 0x132 && c <= 0x1F3) || (c >= 0x2BC && c <= 0x2BC) ||
         (c >= 0x2018 && c <= 0x2029) || c == 0x3000 || (c >= 0xFB00 && c <= 0xFFEF);
}

// Each step but the last two maps single characters, so a character goes through all of them at
// once, and the quotes of ŉ and of wide letters are straightened.
void replace_characters(std::u32string& text) {
  const auto first = std::find_if(text.begin(), text.end(), may_be_replaced);
  if (first == text.end()) return;
  std::u32string result(text.begin(), first);
  result.reserve(text.size());
  for (auto place = first; place != text.end(); ++place) {
    const char32_t c = replace_c1_control(*place);
    if (c == '\r' || c == 0x2028 || c == 0x2029) {
      result.push_back('\n');
      if (c == '\r' && place + 1 != text.end() && place[1] == '\n') ++place;
      continue;
    }
    const std::u32string_view letters = ligature_letters(c);
    const std::u32string_view standard = letters.empty() ? standard_width(c) : letters;
    if (standard.empty()) result.push_back(straight_quote(c));
    for (const char32_t letter : standard) result.push_back(straight_quote(letter));
  }
  text = std::move(result);
}

// Where the escape sequence at `place` ends; `place` where there is none.
std::size_t escape_end(std::u32string_view text, std::size_t place) {
  if (place + 1 >= text.size() || text[place + 1] != '[') return place;
  std::size_t end = place + 2;
  while (end < text.size() && (text[end] == ';' || is_decimal_digit(text[end]))) ++end;
  if (end == text.size()) return place;
  const char32_t letter = text[end] | 0x20;
  return letter >= 'a' && letter <= 'z' ? end + 1 : place;
}

void remove_controls(std::u32string& text) {
  std::size_t kept = 0;
  for (std::size_t place = 0; place < text.size();) {
    const char32_t c = text[place];
    const std::size_t end = c == kEscapeCharacter ? escape_end(text, place) : place;
    if (end > place) {
      place = end;
      continue;
    }
    if (!has_no_place_in_text(c)) text[kept++] = c;
    ++place;
  }
  text.resize(kept);
}

}  // namespace

char32_t replace_c1_control(char32_t c) {
  return c >= 0x80 && c <= 0x9F ? char32_t{kWindows1252[c - 0x80]} : c;
}

void fix_characters(std::u32string& text) {
  replace_characters(text);
  remove_controls(text);
}

}  // namespace stemma::cleaning
