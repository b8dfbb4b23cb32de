// The building blocks of the splitters: classify the character at a position, and find where a run
// of characters of one class ends. Each splitter is a hand-written scanner made of them. Private to
// text/.
//
//   run_end("abc, d", 0, unicode::kLetters);         // 3
//   white_space_at("a \n b", 1).end;                 // 4
//   contraction_length<false>("don't", 3);           // 2: "'t"
//
// ASCII letters, which are most of most texts, are scanned 16 at a time with SSE2. Every other
// character is looked up in the tables of text/unicode/unicode.h. Pure functions: any thread, no
// errors.
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

// The class of a character and its length in bytes. Length 0 means that there is no character: the
// text ends, or a byte is not part of valid UTF-8.
struct Character {
  unicode::CharClass kind = unicode::CharClass::other;
  std::size_t length = 0;

  bool in(unicode::ClassSet set) const { return length > 0 && set.has(kind); }
};

// The character at a position that has no ASCII character. Out of line, because it is rare.
[[gnu::noinline]] inline Character wide_character_at(std::string_view text, std::size_t position) {
  char32_t c = 0;
  const std::size_t length = unicode::decode_utf8(text.substr(position), c);
  if (length == 0) return {};
  return {unicode::char_class(c), length};
}

inline Character character_at(std::string_view text, std::size_t position) {
  if (position >= text.size()) return {};
  const char byte = text[position];
  if (is_ascii(byte)) return {kAsciiClasses[static_cast<unsigned char>(byte)], 1};
  return wide_character_at(text, position);
}

enum class Case : std::uint8_t { lower, upper, any };

// Where the run of ASCII letters of this case that begins at `position` ends.
template <Case kCase>
std::size_t ascii_letters_end(std::string_view text, std::size_t position) {
  // Shifted so that the letters become -128 to -103, the lowest numbers of a signed byte: one
  // signed comparison finds them.
  constexpr char kShift = static_cast<char>(128 - (kCase == Case::upper ? 'A' : 'a'));
  for (; position + 16 <= text.size(); position += 16) {
    __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(text.data() + position));
    if constexpr (kCase == Case::any) bytes = _mm_or_si128(bytes, _mm_set1_epi8(0x20));
    const __m128i shifted = _mm_add_epi8(bytes, _mm_set1_epi8(kShift));
    const auto letters = static_cast<std::uint32_t>(
        _mm_movemask_epi8(_mm_cmplt_epi8(shifted, _mm_set1_epi8(-128 + 26))));
    if (letters != 0xFFFF) return position + static_cast<std::size_t>(std::countr_one(letters));
  }
  for (; position < text.size(); ++position) {
    const char c = text[position];
    const bool lower = c >= 'a' && c <= 'z', upper = c >= 'A' && c <= 'Z';
    if (!(kCase == Case::lower ? lower : kCase == Case::upper ? upper : lower || upper)) break;
  }
  return position;
}

// Where the run of characters of `set` that begins at `position` ends.
inline std::size_t run_end(std::string_view text, std::size_t position, unicode::ClassSet set) {
  for (;;) {
    const Character next = character_at(text, position);
    if (!next.in(set)) return position;
    position += next.length;
  }
}

// The same for a set whose only ASCII characters are the letters of this case; faster.
template <Case kCase>
std::size_t letters_end(std::string_view text, std::size_t position, unicode::ClassSet set) {
  for (;;) {
    position = ascii_letters_end<kCase>(text, position);
    if (position == text.size() || is_ascii(text[position])) return position;
    do {
      const Character next = character_at(text, position);
      if (!next.in(set)) return position;
      position += next.length;
    } while (position < text.size() && !is_ascii(text[position]));
  }
}

// A run of white space: where it ends, where its last character begins, and the position after the
// last carriage return or line feed in it (0: it has none).
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

// \s+(?!\S)|\s+ : a run of white space before another character leaves its last character to the
// next piece.
inline std::size_t white_space_piece_end(std::string_view text, std::size_t begin,
                                         const WhiteSpace& run) {
  return run.end == text.size() || run.last == begin ? run.end : run.last;
}

// \s*[\r\n]+|\s+(?!\S)|\s+
inline std::size_t lines_or_white_space_end(std::string_view text, std::size_t begin) {
  const WhiteSpace run = white_space_at(text, begin);
  return run.after_line > 0 ? run.after_line : white_space_piece_end(text, begin, run);
}

// The length of 's 't 're 've 'm 'll 'd at `position`, 0 where there is none. kAnyCase is the flag
// (?i), under which ſ, the long s, is an s too.
template <bool kAnyCase>
std::size_t contraction_length(std::string_view text, std::size_t position) {
  if (position + 1 >= text.size() || text[position] != '\'') return 0;
  const auto at = [&](std::size_t i) {
    const char c = position + i < text.size() ? text[position + i] : '\0';
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
      return kAnyCase && text.substr(position + 1).starts_with("\u017F") ? 3 : 0;
  }
}

// Where a run of at most `most` numbers that begins at `position` ends.
inline std::size_t numbers_end(std::string_view text, std::size_t position, int most) {
  for (int i = 0; i < most; ++i) {
    const Character next = character_at(text, position);
    if (next.length == 0 || next.kind != unicode::CharClass::number) break;
    position += next.length;
  }
  return position;
}

// The regular expression that numbers_end() implements.
inline std::string numbers_pattern(int most) { return most == 1 ? "\\p{N}" : "\\p{N}{1,3}"; }

inline bool ends_line(char c) { return c == '\n' || c == '\r'; }

// Splitter::last_boundary() for the patterns of splitter.h (docs/tokenizer-proofs.md, "Where a text
// may be cut").
std::size_t last_boundary(const Splitter& splitter, std::string_view text);

// A splitter made of a struct with two functions: Pattern::piece_end(text, begin) finds the end of
// one piece, Pattern::regex() gives the regular expression. In every pattern, more text can change
// the last two pieces only: "'" and "s" may join, or "don" and "'".
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
