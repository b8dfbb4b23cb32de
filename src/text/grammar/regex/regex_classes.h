// The parts of a regular expression that stand for one character: escapes and [classes].
//
//   RegexText in{"a-z]", 0, "regex"};
//   read_class(in);                    // the letters; `in` stands behind the bracket
//
// Messages tell `place` and the byte. Pure but for the text's position.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "text/grammar/automaton/char_set.h"

namespace stemma::grammar {

// A pattern being read: valid UTF-8.
struct RegexText {
  std::string_view text;
  std::size_t at = 0;
  std::string place;

  bool at_end() const { return at == text.size(); }
  char peek() const { return at_end() ? '\0' : text[at]; }
  bool take(std::string_view sign);
  char32_t next();  // fails at the end
  [[noreturn]] void fail(const std::string& what) const;
};

CharSet dot();
// Behind the backslash.
CharSet read_escape(RegexText& in, bool in_class);
// Behind the [.
CharSet read_class(RegexText& in);

}  // namespace stemma::grammar
