// What the splitters share: the character at a place, and where runs end. Private to text/.
//
// ASCII letters, most of most texts, are taken 16 at a time; every other character goes through the
// tables of unicode.h.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include <emmintrin.h>

#include "text/split/splitter.h"
#include "text/unicode/unicode.h"
#include "text/unicode/utf8.h"

namespace stemma::split::scan {

constexpr unicode::CharClass ascii_class(char c) {
  if (c >= 'a' && c <= 'z') return unicode::CharClass::lower;
  if (c >= 'A' && c <= 'Z') return unicode::CharClass::upper;
  if (c >= '0' && c <= '9') return unicode::CharClass::number;
  if (c == ' ' || (c >= '\t' && c <= '\r')) return unicode::CharClass::space;
  return unicode::CharClass::other;
}

inline constexpr std::array<unicode::CharClass, 128> kAsciiClasses = [] {
  std::array<unicode::CharClass, 128> classes{};
  for (int c = 0; c < 128; ++c) classes[c] = ascii_class(static_cast<char>(c));
  return classes;
}();

inline constexpr unicode::ClassSet kSigns = {unicode::CharClass::other,
                                             unicode::CharClass::mark};  // [^\s\p{L}\p{N}]

inline bool is_ascii(char c) { return static_cast<unsigned char>(c) < 128; }

// The character at a place; length 0 where there is none (the end, or an invalid byte).
struct Character {
  unicode::CharClass kind = unicode::CharClass::other;
  std::size_t length = 0;

  bool in(unicode::ClassSet set) const { return length > 0 && set.has(kind); }
};

// The same where no ASCII character is.
[[gnu::noinline]] inline Character wide_character_at(std::string_view text, std::size_t place) {
  char32_t c = 0;
  const std::size_t length = unicode::decode_utf8(text.substr(place), c);
  if (length == 0) return {};
  return {unicode::char_class(c), length};
}

inline Character character_at(std::string_view text, std::size_t place) {
  if (place >= text.size()) return {};
  const char byte = text[place];
  if (is_ascii(byte)) return {kAsciiClasses[static_cast<unsigned char>(byte)], 1};
  return wide_character_at(text, place);
}

enum class Case : std::uint8_t { lower, upper, any };

// The end of the ASCII letters of this case at `place`.
template <Case kCase>
std::size_t ascii_letters_end(std::string_view text, std::size_t place) {
  // Bytes from the first letter on become -128, -127, ...: one signed comparison.
  constexpr char kShift = static_cast<char>(128 - (kCase == Case::upper ? 'A' : 'a'));
  for (; place + 16 <= text.size(); place += 16) {
    __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(text.data() + place));
    if constexpr (kCase == Case::any) bytes = _mm_or_si128(bytes, _mm_set1_epi8(0x20));
    const __m128i shifted = _mm_add_epi8(bytes, _mm_set1_epi8(kShift));
    const auto letters = static_cast<std::uint32_t>(
        _mm_movemask_epi8(_mm_cmplt_epi8(shifted, _mm_set1_epi8(-128 + 26))));
    if (letters != 0xFFFF) return place + static_cast<std::size_t>(std::countr_one(letters));
  }
  for (; place < text.size(); ++place) {
    const char c = text[place];
    const bool lower = c >= 'a' && c <= 'z', upper = c >= 'A' && c <= 'Z';
    if (!(kCase == Case::lower ? lower : kCase == Case::upper ? upper : lower || upper)) break;
  }
  return place;
}

// The end of the run of characters of `set` at `place`.
inline std::size_t run_end(std::string_view text, std::size_t place, unicode::ClassSet set) {
  for (;;) {
    const Character next = character_at(text, place);
    if (!next.in(set)) return place;
    place += next.length;
  }
}

// The same for a set whose ASCII members are the letters of this case.
template <Case kCase>
std::size_t letters_end(std::string_view text, std::size_t place, unicode::ClassSet set) {
  for (;;) {
    place = ascii_letters_end<kCase>(text, place);
    if (place == text.size() || is_ascii(text[place])) return place;
    do {
      const Character next = character_at(text, place);
      if (!next.in(set)) return place;
      place += next.length;
    } while (place < text.size() && !is_ascii(text[place]));
  }
}

// A run of white space: where it ends, where its last character begins, and what follows the last
// carriage return or line feed in it (0: there is none).
struct WhiteSpace {
  std::size_t end = 0, last = 0, after_line = 0;
};

inline WhiteSpace white_space_at(std::string_view text, std::size_t begin) {
  WhiteSpace run{begin, begin, 0};
  for (;;) {
    const Character next = character_at(text, run.end);
    if (next.length == 0 || next.kind != unicode::CharClass::space) return run;
    run.last = run.end;
    run.end += next.length;
    if (text[run.last] == '\n' || text[run.last] == '\r') run.after_line = run.end;
  }
}

// \s+(?!\S)|\s+ : white space before another character leaves its last one to that character.
inline std::size_t white_space_piece_end(std::string_view text, std::size_t begin,
                                         const WhiteSpace& run) {
  return run.end == text.size() || run.last == begin ? run.end : run.last;
}

// \s*[\r\n]+|\s+(?!\S)|\s+
inline std::size_t lines_or_white_space_end(std::string_view text, std::size_t begin) {
  const WhiteSpace run = white_space_at(text, begin);
  return run.after_line > 0 ? run.after_line : white_space_piece_end(text, begin, run);
}

// The length of 's 't 're 've 'm 'll 'd at a place, 0 where there is none. In any case (?i) ſ, the
// long s, is an s too.
template <bool kAnyCase>
std::size_t contraction_length(std::string_view text, std::size_t place) {
  if (place + 1 >= text.size() || text[place] != '\'') return 0;
  const auto at = [&](std::size_t i) {
    const char c = place + i < text.size() ? text[place + i] : '\0';
    return kAnyCase && c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
  };
  switch (at(1)) {
    case 's':
    case 't':
    case 'm':
    case 'd':
      return 2;
    case 'r':
    case 'v':
      return at(2) == 'e' ? 3 : 0;
    case 'l':
      return at(2) == 'l' ? 3 : 0;
    default:
      return kAnyCase && text.substr(place + 1).starts_with("\u017F") ? 3 : 0;
  }
}

// Up to `most` numbers.
inline std::size_t numbers_end(std::string_view text, std::size_t place, int most) {
  for (int i = 0; i < most; ++i) {
    const Character next = character_at(text, place);
    if (next.length == 0 || next.kind != unicode::CharClass::number) break;
    place += next.length;
  }
  return place;
}

// The expression of numbers_end().
inline std::string numbers_pattern(int most) { return most == 1 ? "\\p{N}" : "\\p{N}{1,3}"; }

inline bool ends_line(char c) { return c == '\n' || c == '\r'; }

// Splitter::last_boundary() for the patterns of splitter.h.
std::size_t last_boundary(const Splitter& splitter, std::string_view text);

// A splitter whose Pattern::piece_end(text, begin) finds the end of one piece. In each pattern what
// follows a text can change its last two pieces: "'" and "s" may join, or "don" and "'".
template <class Pattern>
class PatternSplitter final : public Splitter {
 public:
  std::size_t split(std::string_view text, std::size_t begin,
                    std::span<std::size_t> ends) const override {
    std::size_t count = 0;
    while (begin < text.size() && count < ends.size()) {
      begin = Pattern::piece_end(text, begin);
      ends[count++] = begin;
    }
    return count;
  }
  std::size_t unstable_pieces() const override { return 2; }
  std::size_t last_boundary(std::string_view text) const override {
    return scan::last_boundary(*this, text);
  }
  std::string_view pattern() const override { return pattern_; }

 private:
  const std::string pattern_ = Pattern::regex();
};

}  // namespace stemma::split::scan
