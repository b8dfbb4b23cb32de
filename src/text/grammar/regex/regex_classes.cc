#include "text/grammar/regex/regex_classes.h"

#include <fmt/format.h>

#include "base/error.h"
#include "text/unicode/unicode.h"
#include "text/unicode/utf8.h"

namespace stemma::grammar {
namespace {

CharSet single(char32_t c) { return CharSet::of({{c, c}}); }

CharSet digits() { return CharSet::of({{'0', '9'}}); }
CharSet word_characters() { return CharSet::of({{'0', '9'}, {'A', 'Z'}, {'_', '_'}, {'a', 'z'}}); }
// ECMAScript's WhiteSpace and LineTerminator.
CharSet spaces() {
  return CharSet::of({{'\t', '\r'},
                      {' ', ' '},
                      {0xA0, 0xA0},
                      {0x1680, 0x1680},
                      {0x2000, 0x200A},
                      {0x2028, 0x2029},
                      {0x202F, 0x202F},
                      {0x205F, 0x205F},
                      {0x3000, 0x3000},
                      {0xFEFF, 0xFEFF}});
}

CharSet unicode_set(unicode::ClassSet classes) {
  CharSet set;
  for (char32_t c = 0; c <= 0x10FFFF; ++c) {
    if (!classes.has(unicode::char_class(c))) continue;
    char32_t last = c;
    while (last < 0x10FFFF && classes.has(unicode::char_class(last + 1))) ++last;
    set.add(c, last);
    c = last;
  }
  return set;
}

char32_t read_hex(RegexText& in, std::size_t digits_wanted) {
  char32_t value = 0;
  for (std::size_t i = 0; i < digits_wanted; ++i) {
    const char32_t c = in.next();
    const bool letter = (c | 32) >= 'a' && (c | 32) <= 'f';
    if (!letter && !(c >= '0' && c <= '9')) in.fail("hexadecimal digits are missing");
    value = value * 16 + (letter ? (c | 32) - 'a' + 10 : c - '0');
  }
  return value;
}

// Behind \u.
char32_t read_unicode_escape(RegexText& in) {
  if (in.take("{")) {
    const std::size_t end = in.text.find('}', in.at);
    if (end == in.text.npos || end == in.at || end - in.at > 6) in.fail("\\u{...} has no number");
    const char32_t c = read_hex(in, end - in.at);
    in.take("}");
    if (!unicode::is_scalar_value(c)) in.fail("\\u{...} is no character");
    return c;
  }
  const char32_t c = read_hex(in, 4);
  if (c >= 0xD800 && c < 0xDC00 && in.take("\\u")) {
    const char32_t low = read_hex(in, 4);
    if (low >= 0xDC00 && low < 0xE000) return 0x10000 + ((c - 0xD800) << 10) + (low - 0xDC00);
  }
  if (!unicode::is_scalar_value(c)) in.fail("half of a surrogate pair is no character");
  return c;
}

// Behind \p or \P.
CharSet read_property(RegexText& in) {
  using unicode::CharClass;
  for (const auto& [name, classes] :
       {std::pair("{L}", unicode::kLetters), std::pair("{Letter}", unicode::kLetters),
        std::pair("{M}", unicode::ClassSet{CharClass::mark}),
        std::pair("{N}", unicode::ClassSet{CharClass::number})})
    if (in.take(name)) return unicode_set(classes);
  in.fail("of Unicode properties \\p{L}, \\p{M} and \\p{N} are supported");
}

// An escape that stands for one character; nothing where it stands for several.
bool read_single(RegexText& in, char32_t letter, bool in_class, char32_t& out) {
  constexpr std::u32string_view kLetters = U"tnrfv0", kMeanings(U"\t\n\r\f\v\0", 6);
  if (const auto at = kLetters.find(letter); at != kLetters.npos) {
    if (letter == '0' && in.peek() >= '0' && in.peek() <= '9')
      in.fail("octal escapes are not supported");
    out = kMeanings[at];
    return true;
  }
  if (letter == 'b' && in_class) {
    out = '\b';
    return true;
  }
  if (letter == 'x' || letter == 'u') {
    out = letter == 'x' ? read_hex(in, 2) : read_unicode_escape(in);
    return true;
  }
  const bool is_word = word_characters().has(letter);
  if (!is_word) out = letter;
  return !is_word;
}

CharSet read_set_escape(RegexText& in, char32_t letter) {
  switch (letter) {
    case 'd':
      return digits();
    case 'D':
      return digits().complement();
    case 'w':
      return word_characters();
    case 'W':
      return word_characters().complement();
    case 's':
      return spaces();
    case 'S':
      return spaces().complement();
    case 'p':
      return read_property(in);
    case 'P':
      return read_property(in).complement();
    case 'b':
    case 'B':
      in.fail("word boundaries are not supported");
    default:
      if ((letter >= '1' && letter <= '9') || letter == 'k')
        in.fail("back-references are not supported");
      in.fail(fmt::format("the escape \\{} is not known", unicode::to_utf8(letter)));
  }
}

}  // namespace

bool RegexText::take(std::string_view sign) {
  if (!text.substr(at).starts_with(sign)) return false;
  at += sign.size();
  return true;
}

char32_t RegexText::next() {
  char32_t c = 0;
  const std::size_t size = unicode::decode_utf8(text.substr(at), c);
  if (size == 0) fail("it ends too early");
  at += size;
  return c;
}

void RegexText::fail(const std::string& what) const {
  throw Error(ErrorCode::invalid_argument,
              fmt::format("[{}] the regular expression, at byte {}: {}", place, at, what));
}

CharSet dot() { return CharSet::of({{'\n', '\n'}, {'\r', '\r'}, {0x2028, 0x2029}}).complement(); }

CharSet read_escape(RegexText& in, bool in_class) {
  const char32_t letter = in.next();
  char32_t c = 0;
  return read_single(in, letter, in_class, c) ? single(c) : read_set_escape(in, letter);
}

CharSet read_class(RegexText& in) {
  const bool negated = in.take("^");
  if (in.peek() == ']') in.fail("an empty class has two meanings: write \\] for the bracket");
  if (in.text.substr(in.at).starts_with("[:")) in.fail("[:names:] of classes are not supported");
  CharSet set;
  // One character, or (no value) a set, which is added.
  const auto read_end = [&]() -> std::pair<bool, char32_t> {
    const char32_t c = in.next();
    if (c != '\\') return {true, c};
    const char32_t letter = in.next();
    char32_t one = 0;
    if (read_single(in, letter, true, one)) return {true, one};
    set.add(read_set_escape(in, letter));
    return {false, 0};
  };
  while (!in.take("]")) {
    const auto [is_single, low] = read_end();
    const bool is_range = in.peek() == '-' && !in.text.substr(in.at).starts_with("-]");
    if (!is_range) {
      if (is_single) set.add(low, low);
      continue;
    }
    in.take("-");
    const auto [ends_single, high] = read_end();
    if (!is_single || !ends_single) in.fail("a range must go from one character to another");
    if (high < low) in.fail("a range is reversed");
    set.add(low, high);
  }
  return negated ? set.complement() : set;
}

}  // namespace stemma::grammar
