// Finite automata (without a stack) as sets of words: fewest states, intersection, difference.
//
//   const Pushdown b = intersection(pattern, length);  // words of both
//   is_word(b, "abc");
//
// Each result is trimmed (every state can still end) and has the fewest states possible. Pure
// functions; they throw invalid_argument above kMaxStates, `place` in brackets, but an empty set is
// a value here (is_empty()).
#pragma once

#include <string_view>

#include "text/grammar/automaton/nfa.h"
#include "text/grammar/automaton/pushdown.h"

namespace stemma::grammar {

Pushdown minimized(const Pushdown& automaton);
Pushdown intersection(const Pushdown& a, const Pushdown& b, std::string_view place);
// Words of `a` that are not in `b`.
Pushdown difference(const Pushdown& a, const Pushdown& b, std::string_view place);
bool is_word(const Pushdown& automaton, std::string_view text);
bool is_empty(const Pushdown& automaton);
// determinize() and minimized(); an automaton without a word is no error.
Pushdown finite(const Nfa& nfa);

}  // namespace stemma::grammar
