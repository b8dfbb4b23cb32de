#include "text/grammar/automaton/nfa.h"

#include <utility>

#include <fmt/format.h>

#include "base/error.h"
#include "text/grammar/limits.h"

namespace stemma::grammar {

Nfa::Nfa(std::string place) : place_(std::move(place)), edges_(2) {}

void Nfa::too_large() const {
  throw Error(ErrorCode::invalid_argument,
              fmt::format("[{}] it must need at most {} states and {} steps between them, needs "
                          "more: make repetitions, lengths or lists smaller",
                          place_, kMaxNfaStates, kMaxNfaEdges));
}

Nfa::State Nfa::add_state() {
  if (edges_.size() == kMaxNfaStates) too_large();
  edges_.emplace_back();
  return static_cast<State>(edges_.size() - 1);
}

void Nfa::add_edge(State from, Edge edge) {
  if (++edge_count_ > kMaxNfaEdges) too_large();
  edges_[from].push_back(edge);
}

std::uint32_t Nfa::add_rule(char open, char close) {
  if (rules_.size() == kMaxRules)
    throw Error(ErrorCode::invalid_argument,
                fmt::format("[{}] it must have at most {} different objects and arrays, has more",
                            place_, kMaxRules));
  const State start = add_state(), final = add_state();
  rules_.push_back(
      {start, final, static_cast<std::uint8_t>(open), static_cast<std::uint8_t>(close)});
  return static_cast<std::uint32_t>(rules_.size() - 1);
}

Nfa::State Nfa::add_text(State from, std::string_view bytes) {
  for (const char byte : bytes) {
    const State next = add_state();
    add_byte(from, byte, next);
    from = next;
  }
  return from;
}

void Nfa::add_automaton(State from, const Pushdown& automaton, State to) {
  std::vector<State> copies(automaton.states());
  for (std::size_t i = Pushdown::kStart; i < copies.size(); ++i) copies[i] = add_state();
  add_nothing(from, copies[Pushdown::kStart]);
  for (std::size_t i = Pushdown::kStart; i < copies.size(); ++i) {
    const auto state = static_cast<Pushdown::State>(i);
    if (automaton.accepts(state)) add_nothing(copies[i], to);
    for (unsigned low = 0; low < 256;) {
      const Pushdown::Step step = automaton.step(state, static_cast<std::uint8_t>(low));
      unsigned high = low;
      while (high < 255 && automaton.step(state, static_cast<std::uint8_t>(high + 1)) == step)
        ++high;
      if (step.is_state())
        add_bytes(copies[i], static_cast<std::uint8_t>(low), static_cast<std::uint8_t>(high),
                  copies[step.state()]);
      low = high + 1;
    }
  }
}

}  // namespace stemma::grammar
