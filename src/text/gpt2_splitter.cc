#include <array>
#include <cstdint>

#include "text/splitter.h"
#include "text/unicode.h"
#include "text/utf8.h"

namespace stemma {
namespace {

constexpr CharClass ascii_class(char c) {
  if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')) return CharClass::letter;
  if (c >= '0' && c <= '9') return CharClass::number;
  if (c == ' ' || (c >= '\t' && c <= '\r')) return CharClass::space;
  return CharClass::other;
}

constexpr std::array<CharClass, 128> kAsciiClasses = [] {
  std::array<CharClass, 128> classes{};
  for (int c = 0; c < 128; ++c) classes[c] = ascii_class(static_cast<char>(c));
  return classes;
}();

// The character at a place; length 0 where there is none (the end, or an invalid byte).
struct Character {
  CharClass kind = CharClass::other;
  std::size_t length = 0;
};

Character character_at(std::string_view text, std::size_t place) {
  if (place >= text.size()) return {};
  const auto byte = static_cast<unsigned char>(text[place]);
  if (byte < 128) return {kAsciiClasses[byte], 1};
  char32_t c = 0;
  const std::size_t length = decode_utf8(text.substr(place), c);
  if (length == 0) return {};
  return {char_class(c), length};
}

std::size_t run_end(std::string_view text, std::size_t place, CharClass kind) {
  for (;;) {
    const Character next = character_at(text, place);
    if (next.length == 0 || next.kind != kind) return place;
    place += next.length;
  }
}

// The length of 's 't 're 've 'm 'll 'd at the start of `text`, or 0.
std::size_t contraction_length(std::string_view text) {
  if (text.size() < 2 || text[0] != '\'') return 0;
  switch (text[1]) {
    case 's':
    case 't':
    case 'm':
    case 'd':
      return 2;
    case 'r':
    case 'v':
      return text.size() > 2 && text[2] == 'e' ? 3 : 0;
    case 'l':
      return text.size() > 2 && text[2] == 'l' ? 3 : 0;
    default:
      return 0;
  }
}

// \s+(?!\S)|\s+ : white space before another character leaves its last one to that character.
std::size_t white_space_end(std::string_view text, std::size_t begin) {
  std::size_t last = begin, place = begin;
  for (Character next = character_at(text, place); next.length > 0 && next.kind == CharClass::space;
       next = character_at(text, place)) {
    last = place;
    place += next.length;
  }
  return place == text.size() || last == begin ? place : last;
}

std::size_t piece_end(std::string_view text, std::size_t begin) {
  if (const std::size_t length = contraction_length(text.substr(begin))) return begin + length;
  const Character first = character_at(text, begin);
  if (first.length == 0) return begin + 1;
  if (first.kind != CharClass::space) return run_end(text, begin + first.length, first.kind);
  if (text[begin] == ' ') {
    const Character second = character_at(text, begin + 1);
    if (second.length > 0 && second.kind != CharClass::space)
      return run_end(text, begin + 1 + second.length, second.kind);
  }
  return white_space_end(text, begin);
}

class Gpt2Splitter final : public Splitter {
 public:
  std::size_t split(std::string_view text, std::size_t begin,
                    std::span<std::size_t> ends) const override {
    std::size_t count = 0;
    while (begin < text.size() && count < ends.size()) {
      begin = piece_end(text, begin);
      ends[count++] = begin;
    }
    return count;
  }

  // "'r" is two pieces, "'re" is one; every other choice is made by the character that follows.
  std::size_t unstable_pieces() const override { return 2; }
};

}  // namespace

const Splitter& gpt2_splitter() {
  static const Gpt2Splitter splitter;
  return splitter;
}

}  // namespace stemma
