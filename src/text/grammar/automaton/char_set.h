// A set of Unicode characters, and its bytes in an automaton.
//
//   CharSet letters;
//   letters.add('a', 'z');
//   add_characters(nfa, from, letters, Spelling::json, to);
//
// Plain values; functions are pure but for the automaton that they extend.
#pragma once

#include <cstdint>
#include <vector>

#include "text/grammar/automaton/nfa.h"

namespace stemma::grammar {

class CharSet {
 public:
  struct Range {
    char32_t low = 0, high = 0;  // both included
  };
  static CharSet all();  // every character that UTF-8 can have: no surrogates
  static CharSet of(std::initializer_list<Range> ranges);

  void add(char32_t low, char32_t high) { ranges_.push_back({low, high}), normalized_ = false; }
  void add(const CharSet& other);
  CharSet complement() const;
  bool has(char32_t c) const;
  // Ascending, apart, without surrogates.
  const std::vector<Range>& ranges() const;

 private:
  mutable std::vector<Range> ranges_;
  mutable bool normalized_ = true;
};

// How a character is written.
enum class Spelling : std::uint8_t {
  utf8,  // as it is
  json,  // as in a JSON string: the quote, the backslash and control characters are escaped (\n and
         // its like in short, others as \u001f), everything else is itself: one way for each
};

void add_characters(Nfa& nfa, Nfa::State from, const CharSet& set, Spelling spelling,
                    Nfa::State to);
// The bytes of one character.
std::string spelled(char32_t c, Spelling spelling);
// A JSON string in quotes, spelled as above. `text`: valid UTF-8.
std::string json_quoted(std::string_view text);

}  // namespace stemma::grammar
