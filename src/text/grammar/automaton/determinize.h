// Makes an automaton deterministic by the subset construction, over the stack too (pushdown.h).
//
//   const Pushdown automaton = determinize(nfa);
//
// Throws invalid_argument where no text at all is accepted, and above kMaxStates states or
// kMaxSteps steps, so time and memory are bounded for any input. Pure function.
#pragma once

#include "text/grammar/automaton/nfa.h"
#include "text/grammar/automaton/pushdown.h"

namespace stemma::grammar {

Pushdown determinize(const Nfa& nfa);
// Whether any text may be accepted (where ^ and $ can be met).
bool accepts_any(const Nfa& nfa);

}  // namespace stemma::grammar
