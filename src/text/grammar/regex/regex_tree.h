// The syntax of regular expressions, as a tree. The dialect is ECMAScript's with the flag u, which
// JSON schema asks for, as far as it describes a regular language:
//
//   a [a-z] [^"] . \d \D \w \W \s \S \p{L} \p{M} \p{N} \P{..}   characters (\d, \w: ASCII)
//   \t \n \r \f \v \0 \xHH \uHHHH \u{H..} and \ before punctuation
//   ab a|b (a) (?:a) (?<name>a) (?P<name>a)                     groups capture nothing here
//   a* a+ a? a{2} a{2,} a{2,3}, and the same with ? behind      (lazy: the same language)
//   ^ $                                                         anywhere
//
// Everything else is refused by name: look-around, back-references, \b, flags such as (?i),
// possessive quantifiers. The dot is any character but \n, \r, U+2028 and U+2029.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "text/grammar/automaton/char_set.h"

namespace stemma::grammar {

struct RegexNode {
  enum class Kind : std::uint8_t { characters, sequence, choice, repeat, begin, end };
  Kind kind = Kind::sequence;  // a sequence of nothing is the empty text
  CharSet set;                 // of characters
  std::vector<std::uint32_t> children;
  std::int64_t least = 0, most = 0;  // of repeat; most -1: any number
};

struct RegexTree {
  std::vector<RegexNode> nodes;
  std::uint32_t root = 0;
};

// Throws invalid_argument with `place`, what is wrong and at which byte.
RegexTree parse_regex(std::string_view pattern, std::string_view place);

}  // namespace stemma::grammar
