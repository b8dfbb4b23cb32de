#include "text/cleaning/badness.h"

#include <cstddef>
#include <cstdint>

#include "text/cleaning/cleaning_tables.h"
#include "text/unicode/unicode.h"

namespace stemma::cleaning {
namespace {

// Beside the traits of the table, what the rules want to know of a neighbour.
constexpr std::uint32_t kLowerAz = 1u << 20, kLetterAz = 1u << 21, kWhiteSpace = 1u << 22;

constexpr std::uint32_t kAccented = kLowerAccented | kUpperAccented;
constexpr std::uint32_t kSignTraits =
    kStartPunctuation | kEndPunctuation | kCurrency | kNumeric | kLaw;  // around bad ones
constexpr std::uint32_t kInRules = (1u << 14) - 1;

struct PairRule {
  std::uint32_t first, second;
};

constexpr PairRule kBadPairs[] = {
    {kBad | kAccented | kBox | kSignTraits, kBad},
    {kBad, kAccented | kBox | kSignTraits},
    {kLowerAccented | kLowerCommon | kBox | kEndPunctuation | kCurrency | kNumeric, kUpperAccented},
    {kBox | kEndPunctuation | kCurrency | kNumeric, kLowerAccented},
    {kLowerAccented | kBox | kEndPunctuation, kCurrency},
    {kUpperAccented | kBox, kNumeric | kLaw},
    {kCurrency | kNumeric | kBox, kStartPunctuation},
    {kBox, kKaomoji | kEndPunctuation},
    {kAccented | kSignTraits, kBox},
};

struct TripleRule {
  std::uint32_t first, second, third;
};

constexpr TripleRule kBadTriples[] = {
    {kLetterAz, kLowerCommon | kUpperCommon, kBad},
    {kWhiteSpace, kUpperAccented, kCurrency},
    {kAccented | kBox | kCurrency | kEndPunctuation, kStartPunctuation, kNumeric},
    {kAccented | kCurrency | kNumeric | kBox | kLaw, kEndPunctuation, kStartPunctuation},
    {kLowerAz, kUpperAccented, kStartPunctuation | kCurrency},
};

std::uint32_t ascii_traits(char32_t c) {
  if (c >= 'a' && c <= 'z') return kLowerAz | kLetterAz;
  if (c >= 'A' && c <= 'Z') return kLetterAz;
  return c == ' ' || (c >= '\t' && c <= '\r') || (c >= 0x1C && c <= 0x1F) ? kWhiteSpace : 0;
}

std::uint32_t traits_of(char32_t c) {
  if (c < 0x80) return ascii_traits(c);
  const std::uint32_t space = unicode::char_class(c) == unicode::CharClass::space ? kWhiteSpace : 0;
  return (mojibake_character(c).traits & kInRules) | space;
}

bool is_word_character(char32_t c) {
  const unicode::CharClass kind = unicode::char_class(c);
  return unicode::kLetters.has(kind) || kind == unicode::CharClass::number || c == '_';
}

bool is_in_set(char32_t c, std::u32string_view set) { return set.find(c) != set.npos; }

// The places around one, with 0 (a character of no rule) outside of the text.
class CharacterNeighbours {
 public:
  CharacterNeighbours(std::u32string_view text, std::size_t place) : text_(text), place_(place) {}

  char32_t operator[](std::ptrdiff_t distance) const {
    const std::size_t at = place_ + static_cast<std::size_t>(distance);
    return at < text_.size() ? text_[at] : 0;
  }
  bool has(std::size_t distance) const { return place_ + distance < text_.size(); }
  bool at_start() const { return place_ == 0; }

 private:
  std::u32string_view text_;
  std::size_t place_;
};

bool breaks_general_rule(const CharacterNeighbours& at, std::uint32_t traits) {
  if (traits & kC1) return true;
  const std::uint32_t before = traits_of(at[-1]);
  for (const PairRule& rule : kBadPairs)
    if ((before & rule.first) && (traits & rule.second)) return true;
  const std::uint32_t after = traits_of(at[1]);
  for (const TripleRule& rule : kBadTriples)
    if ((before & rule.first) && (traits & rule.second) && (after & rule.third)) return true;
  return (before & kAccented) && (traits & (kStartPunctuation | kEndPunctuation)) &&
         is_word_character(at[1]);
}

// Â and Ã before a space: the space was U+00A0, or the character after them was lost.
bool breaks_space_rule(const CharacterNeighbours& at) {
  const char32_t before = at[-1];
  if (at[1] == ' ') {
    if (at.at_start() || (traits_of(before) & kLowerAz)) return true;
    if ((traits_of(before) & kWhiteSpace) && (traits_of(at[-2]) & kLowerAz)) return true;
  }
  const bool ends =
      is_in_set(before, U".,?!") || (traits_of(before) & (kLowerAz | kEndPunctuation));
  return at[0] == U'Â' && ends &&
         (at[1] == ' ' || (traits_of(at[1]) & (kStartPunctuation | kEndPunctuation)));
}

// UTF-8 of Cyrillic or Greek letters read in their Windows charset, between two of its lead bytes.
bool is_sign_between(const CharacterNeighbours& at, std::u32string_view leads, bool with_micro) {
  constexpr std::uint32_t kBetween = kC1 | kBad | kStartPunctuation | kEndPunctuation | kCurrency;
  const bool sign = (traits_of(at[1]) & kBetween) || at[1] == U'°' || (with_micro && at[1] == U'µ');
  return sign && is_in_set(at[2], leads);
}

// UTF-8 of Arabic read as Windows-1252: two letters, so that common signs may count.
bool is_arabic_pair(const CharacterNeighbours& at) {
  constexpr std::uint32_t kAfterLead = kCommon | kCurrency | kBad | kNumeric | kStartPunctuation;
  const auto follows = [&](std::ptrdiff_t distance) {
    return (traits_of(at[distance]) & kAfterLead) || is_in_set(at[distance], U"ŸŠ®°µ»");
  };
  return follows(1) && is_in_set(at[2], U"ØÙ") && follows(3);
}

// Known beginnings of mojibake.
bool breaks_special_rule(const CharacterNeighbours& at) {
  switch (at[0]) {
    case U'Œ':
    case U'œ':
      return at.has(1) && !(traits_of(at[1]) & kLetterAz);
    case U'Â':
    case U'Ã':
      return (at[0] == U'Ã' && is_in_set(at[1], U"\u00A0¡")) || breaks_space_rule(at);
    case U'×':
      return is_in_set(at[1], U"²³");
    case U'Ø':
    case U'Ù':
      return is_arabic_pair(at);
    case U'à':
      return is_in_set(at[1], U"²µ¹¼½¾");
    case U'√':
      return is_in_set(at[1], U"±∂†≠®™´≤≥¥µø");
    case U'≈':
      return is_in_set(at[1], U"°¢");
    case U'‚':
      if (at[1] == U'Ä') return is_in_set(at[2], U"ìîïòôúùû†°¢π");
      return is_in_set(at[1], U"âó") && is_in_set(at[2], U"àä°ê");
    case U'\u0432':
      return at[1] == U'\u0402';
    case U'\u0413':  // and letters of "ГўВЂВ", whatever character, a Latin letter or a space
      if (at[1] == U'\u045E' && at[2] == U'\u0412' && at[3] == U'\u0402' && at[4] == U'\u0412' &&
          at.has(5) && at[5] != '\n' && (at[6] == ' ' || (traits_of(at[6]) & kLetterAz)))
        return true;
      [[fallthrough]];
    case U'\u0412':
    case U'\u0420':
    case U'\u0421':
      return is_sign_between(at, U"\u0412\u0413\u0420\u0421", true);
    case U'\u0392':
    case U'\u0393':
    case U'\u039E':
    case U'\u039F':
      return is_sign_between(at, U"\u0392\u0393\u039E\u039F", false);
    case U'\u03B2':
      return at[1] == U'€' && is_in_set(at[2], U"™\u00A0\u0386\u00AD®°");
    case U'ā':
      return at[1] == U'€';
    default:
      return false;
  }
}

// A capital letter before a degree sign, or a lead of two bytes before what is no letter.
bool breaks_capital_rule(const CharacterNeighbours& at, std::uint32_t traits) {
  if ((traits & kUpperAccented) && at[1] == U'°') return true;
  return is_in_set(at[0], U"ÂÃÎÐ") && ((traits_of(at[1]) & (kStartPunctuation | kEndPunctuation)) ||
                                       is_in_set(at[1], U"€œŠš¢£Ÿž\u00A0\u00AD®©°·»–—´"));
}

}  // namespace

bool looks_wrong(std::u32string_view text) {
  for (std::size_t place = 0; place < text.size(); ++place) {
    if (text[place] < 0x80) continue;
    // Every rule has a middle or a first character with a trait.
    const std::uint32_t traits = mojibake_character(text[place]).traits & kInRules;
    if (traits == 0) continue;
    const CharacterNeighbours at(text, place);
    if (breaks_general_rule(at, traits) || breaks_capital_rule(at, traits) ||
        breaks_special_rule(at))
      return true;
  }
  return false;
}

}  // namespace stemma::cleaning
