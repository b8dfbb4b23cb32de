#include "text/split/english_affixes.h"

#include <algorithm>
#include <cstdint>

#include "text/split/english_classes.h"
#include "text/unicode/utf8.h"

namespace stemma::split {
namespace {

constexpr std::size_t kLongestUnitBytes = 10;

struct EnglishCharacter {
  char32_t c = 0;
  std::uint8_t bits = 0;
  std::size_t length = 0;  // 0: the end of the word

  bool in(unsigned wanted) const { return (bits & wanted) != 0; }
  bool is_ascii_digit() const { return length > 0 && c >= '0' && c <= '9'; }
};

EnglishCharacter character_from(std::string_view word, std::size_t place) {
  EnglishCharacter result;
  if (place >= word.size()) return result;
  result.length = unicode::decode_utf8(word.substr(place), result.c);
  if (result.length == 0) return {0xFFFD, 0, 1};
  result.bits = english_class(result.c);
  return result;
}

// The character that ends at `place`.
EnglishCharacter character_before(std::string_view word, std::size_t place) {
  for (std::size_t length = 1; length <= 4 && length <= place; ++length) {
    if ((static_cast<unsigned char>(word[place - length]) & 0xC0) == 0x80) continue;
    const EnglishCharacter found = character_from(word.substr(0, place), place - length);
    if (found.length == length) return found;
    break;
  }
  return place == 0 ? EnglishCharacter{} : EnglishCharacter{0xFFFD, 0, 1};
}

std::size_t dots_at(std::string_view word, std::size_t place) {
  return std::min(word.find_first_not_of('.', place), word.size()) - place;
}

std::size_t money_letters(std::string_view word) {
  for (const std::string_view sign : {"US$", "C$", "A$"})
    if (word.starts_with(sign)) return sign.size();
  return 0;
}

// A dot that ends a sentence rather than an abbreviation, by what stands before it.
bool dot_comes_off(std::string_view word) {
  const std::size_t end = word.size() - 1;
  const EnglishCharacter last = character_before(word, end);
  if (last.length == 0) return false;
  if (last.in(kEnglishLower | kEnglishPunct | kEnglishQuote) || last.is_ascii_digit() ||
      std::u32string_view(U"%²-+|").find(last.c) != std::u32string_view::npos)
    return true;
  const EnglishCharacter before = character_before(word, end - last.length);
  if (last.in(kEnglishUpper) && before.in(kEnglishUpper)) return true;
  return before.length > 0 && before.c == U'°' &&
         std::u32string_view(U"FfCcKk").find(last.c) != std::u32string_view::npos;
}

// What stands behind the last digit of the word, where that is a unit or a currency.
std::size_t unit_length(std::string_view word) {
  const std::size_t most = std::min(word.size(), kLongestUnitBytes + 1);
  for (std::size_t length = 1; length <= most; ++length) {
    const char c = word[word.size() - length];
    if (c < '0' || c > '9') continue;
    const std::string_view rest = word.substr(word.size() - length + 1);
    if (rest.empty()) return 0;
    const EnglishCharacter first = character_from(rest, 0);
    const bool money = (first.length == rest.size() && first.in(kEnglishMoney)) ||
                       money_letters(rest) == rest.size();
    return rest == "+" || money || is_english_unit(rest) ? rest.size() : 0;
  }
  return 0;
}

}  // namespace

std::size_t english_prefix(std::string_view word) {
  const EnglishCharacter first = character_from(word, 0);
  if (first.length == 0) return 0;
  if (first.in(kEnglishPunct | kEnglishQuote | kEnglishMoney | kEnglishIcon)) return first.length;
  switch (first.c) {
    case U'§':
    case U'%':
    case U'=':
    case U'—':
    case U'–':
      return first.length;
    case U'+':
      return character_from(word, 1).is_ascii_digit() ? 0 : 1;
    case U'.': {
      const std::size_t dots = dots_at(word, 0);
      return dots >= 2 ? dots : 0;
    }
    default:
      return money_letters(word);
  }
}

// The pattern's alternatives all end at the end of the word; the longest one wins.
std::size_t english_suffix(std::string_view word) {
  const EnglishCharacter last = character_before(word, word.size());
  if (last.length == 0) return 0;
  if (last.c == U'.') {
    const std::size_t before_dots = word.find_last_not_of('.');
    const std::size_t dots = word.size() - (before_dots == word.npos ? 0 : before_dots + 1);
    if (dots >= 2) return dots;
    return dot_comes_off(word) ? 1 : 0;
  }
  if (last.c == U's' || last.c == U'S') {
    const EnglishCharacter before = character_before(word, word.size() - 1);
    if (before.length > 0 && (before.c == U'\'' || before.c == U'’')) return 1 + before.length;
  }
  const std::size_t unit = unit_length(word);
  if (unit > 0) return unit;
  if (word.ends_with("……")) return std::string_view("……").size();
  const bool comes_off =
      last.in(kEnglishPunct | kEnglishQuote | kEnglishIcon) || last.c == U'—' || last.c == U'–';
  return comes_off ? last.length : 0;
}

namespace {

// The alternatives of the pattern, in its order, at one place of a word.
class InfixAt {
 public:
  InfixAt(std::string_view word, std::size_t place)
      : word_(word), place_(place), sign_(character_from(word, place)) {}

  // 0: none begins here.
  std::size_t length() const {
    if (sign_.c == U'.') {
      const std::size_t dots = dots_at(word_, place_);
      if (dots >= 2) return dots;
    }
    if (sign_.c == U'…' || sign_.in(kEnglishIcon)) return sign_.length;
    if (place_ == 0) return 0;
    const EnglishCharacter before = character_before(word_, place_);
    const EnglishCharacter after = character_from(word_, place_ + sign_.length);
    switch (sign_.c) {
      case U'+':
      case U'*':
      case U'^':
        return before.is_ascii_digit() && (after.is_ascii_digit() || after.c == U'-') ? 1 : 0;
      case U'.':
        return before.in(kEnglishLower | kEnglishQuote) && after.in(kEnglishUpper | kEnglishQuote)
                   ? 1
                   : 0;
      case U',':
        return before.in(kEnglishAlpha) && after.in(kEnglishAlpha) ? 1 : 0;
      case U':':
      case U'<':
      case U'>':
      case U'=':
      case U'/':
        return is_word(before) && after.in(kEnglishAlpha) ? 1 : 0;
      case U'-':
        if (before.is_ascii_digit() && (after.is_ascii_digit() || after.c == U'-')) return 1;
        return is_word(before) ? hyphens_length() : 0;
      case U'–':
      case U'—':
      case U'~':
        return is_word(before) ? hyphens_length() : 0;
      default:
        return 0;
    }
  }
  std::size_t sign_length() const { return sign_.length; }

 private:
  static bool is_word(const EnglishCharacter& c) {
    return c.in(kEnglishAlpha) || c.is_ascii_digit();
  }

  std::size_t hyphens_length() const {
    for (const std::string_view hyphens : {"-", "–", "—", "--", "---", "——", "~"})
      if (word_.substr(place_).starts_with(hyphens) &&
          character_from(word_, place_ + hyphens.size()).in(kEnglishAlpha))
        return hyphens.size();
    return 0;
  }

  std::string_view word_;
  std::size_t place_;
  EnglishCharacter sign_;
};

}  // namespace

std::optional<EnglishInfixes::Infix> EnglishInfixes::next() {
  while (place_ < word_.size()) {
    const InfixAt here(word_, place_);
    const std::size_t begin = place_, length = here.length();
    place_ += length > 0 ? length : here.sign_length();
    if (length > 0) return Infix{begin, begin + length};
  }
  return std::nullopt;
}

}  // namespace stemma::split
