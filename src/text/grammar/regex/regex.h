// A regular expression (regex_tree.h) as a finite automaton.
//
//   const Pushdown hex = compile_regex("[0-9a-f]+", {.match = Match::whole});
//   is_word(hex, "1f");                                                    // true
//
// Pure function. Throws invalid_argument for what the dialect has not and above the limits of
// limits.h; an expression without any word is no error here (is_empty()).
#pragma once

#include <string>
#include <string_view>

#include "text/grammar/automaton/char_set.h"
#include "text/grammar/automaton/pushdown.h"

namespace stemma::grammar {

enum class Match {
  whole,   // the whole text is a word of the expression
  search,  // some part of it is, as `pattern` of JSON schema means it
};

struct RegexOptions {
  Match match = Match::whole;
  Spelling spelling = Spelling::utf8;  // how the characters of the text are written
  std::string place = "regex";         // in brackets in messages
};

Pushdown compile_regex(std::string_view pattern, const RegexOptions& options);

}  // namespace stemma::grammar
