// Which states of an automaton are alike: partition refinement (Moore 1956), by rounds.
//
//   const auto alike = refine(automaton, std::vector<std::uint32_t>(automaton.states()), 128);
//
// States with one number behave the same for every text of up to `rounds` bytes, as far as it does
// not return from the value in which they lie; `first` tells states apart from the beginning. A
// round looks only at states with a successor that was told apart in the round before, so counters
// (maxLength) cost no more than their states.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "text/grammar/automaton/pushdown.h"

namespace stemma::grammar {

// Returns a number per state, from 0 without gaps. Pure function.
std::vector<std::uint32_t> refine(const Pushdown& automaton, std::vector<std::uint32_t> first,
                                  std::size_t rounds);

}  // namespace stemma::grammar
