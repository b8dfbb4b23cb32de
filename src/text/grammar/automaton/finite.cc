#include "text/grammar/automaton/finite.h"

#include <array>
#include <map>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "base/error.h"
#include "text/grammar/automaton/determinize.h"
#include "text/grammar/automaton/refine.h"
#include "text/grammar/limits.h"

namespace stemma::grammar {
namespace {

using State = Pushdown::State;

// Which states reach an accepting one.
std::vector<bool> states_that_end(const Pushdown& automaton) {
  std::vector<std::vector<State>> into(automaton.states());
  std::vector<State> pending;
  std::vector<bool> ends(automaton.states());
  for (State s = 1; s < automaton.states(); ++s) {
    for (std::size_t c = 0; c < automaton.classes(); ++c)
      if (const auto step = automaton.step_of_class(s, c); step.is_state())
        into[step.state()].push_back(s);
    if (automaton.accepts(s)) {
      ends[s] = true;
      pending.push_back(s);
    }
  }
  while (!pending.empty()) {
    const State s = pending.back();
    pending.pop_back();
    for (const State from : into[s])
      if (!ends[from]) {
        ends[from] = true;
        pending.push_back(from);
      }
  }
  return ends;
}

// Without the steps into states that never end.
Pushdown trimmed(const Pushdown& automaton) {
  const std::vector<bool> ends = states_that_end(automaton);
  Pushdown::Parts parts = automaton.parts();
  for (Pushdown::Step& step : parts.steps)
    if (step.is_state() && !ends[step.state()]) step = {};
  return Pushdown(std::move(parts));
}

// Both automata at once, over the bytes that either tells apart.
class Product {
 public:
  Product(const Pushdown& a, const Pushdown& b, bool in_both, std::string_view place)
      : a_(a), b_(b), in_both_(in_both), place_(place) {
    std::map<std::pair<std::uint8_t, std::uint8_t>, std::uint8_t> classes;
    for (std::size_t byte = 0; byte < 256; ++byte) {
      const std::pair key(a.parts().class_of[byte], b.parts().class_of[byte]);
      const auto [at, added] = classes.try_emplace(key, static_cast<std::uint8_t>(classes.size()));
      if (added) samples_.push_back(static_cast<std::uint8_t>(byte));
      parts_.class_of[byte] = at->second;
    }
    parts_.classes = classes.size();
  }

  Pushdown run() {
    parts_.steps.resize(parts_.classes);
    parts_.accepts.push_back(0);
    pairs_.push_back({0, 0});
    state_of({Pushdown::kStart, Pushdown::kStart});
    for (State s = 1; s < pairs_.size(); ++s)
      for (std::size_t c = 0; c < parts_.classes; ++c) {
        const auto [in_a, in_b] = pairs_[s];
        const auto step_a = a_.step(in_a, samples_[c]), step_b = b_.step(in_b, samples_[c]);
        if (step_a.is_refused() || (in_both_ && step_b.is_refused())) continue;
        const State next = state_of({step_a.state(), step_b.state()});
        parts_.steps[s * parts_.classes + c] = Pushdown::Step::to_state(next);
      }
    return Pushdown(std::move(parts_));
  }

 private:
  State state_of(std::pair<State, State> pair) {
    const auto [at, added] = known_.try_emplace(pair, static_cast<State>(pairs_.size()));
    if (!added) return at->second;
    if (pairs_.size() == kMaxStates)
      throw Error(
          ErrorCode::invalid_argument,
          fmt::format("[{}] patterns, formats and lengths of one text together must need at "
                      "most {} states, need more: make one of them simpler",
                      place_, kMaxStates));
    pairs_.push_back(pair);
    parts_.accepts.push_back(a_.accepts(pair.first) && b_.accepts(pair.second) == in_both_ ? 1 : 0);
    parts_.steps.resize(pairs_.size() * parts_.classes);
    return at->second;
  }

  const Pushdown& a_;
  const Pushdown& b_;
  const bool in_both_;
  const std::string_view place_;
  std::vector<std::uint8_t> samples_;  // a byte of each class
  std::vector<std::pair<State, State>> pairs_;
  std::map<std::pair<State, State>, State> known_;
  Pushdown::Parts parts_;
};

}  // namespace

Pushdown minimized(const Pushdown& automaton) {
  const Pushdown whole = trimmed(automaton);
  std::vector<std::uint32_t> first(whole.states());
  for (State s = 0; s < whole.states(); ++s) first[s] = whole.accepts(s) ? 1 : 0;
  const std::vector<std::uint32_t> alike = refine(whole, std::move(first), whole.states());
  // States in the order in which they are met from the start.
  std::vector<State> number(whole.states()), order = {0, Pushdown::kStart};
  number[alike[Pushdown::kStart]] = 1;
  Pushdown::Parts parts;
  parts.class_of = whole.parts().class_of;
  parts.classes = whole.classes();
  parts.steps.resize(parts.classes);
  parts.accepts.push_back(0);
  for (std::size_t i = 1; i < order.size(); ++i) {
    parts.accepts.push_back(whole.accepts(order[i]) ? 1 : 0);
    for (std::size_t c = 0; c < parts.classes; ++c) {
      const Pushdown::Step step = whole.step_of_class(order[i], c);
      if (!step.is_state()) {
        parts.steps.emplace_back();
        continue;
      }
      State& target = number[alike[step.state()]];
      if (target == 0) {
        target = static_cast<State>(order.size());
        order.push_back(step.state());
      }
      parts.steps.push_back(Pushdown::Step::to_state(target));
    }
  }
  return Pushdown(std::move(parts));
}

Pushdown intersection(const Pushdown& a, const Pushdown& b, std::string_view place) {
  return minimized(Product(a, b, true, place).run());
}

Pushdown difference(const Pushdown& a, const Pushdown& b, std::string_view place) {
  return minimized(Product(a, b, false, place).run());
}

bool is_word(const Pushdown& automaton, std::string_view text) {
  State state = Pushdown::kStart;
  for (const char byte : text) {
    state = automaton.step(state, static_cast<std::uint8_t>(byte)).state();
    if (state == Pushdown::kRefused) return false;
  }
  return automaton.accepts(state);
}

bool is_empty(const Pushdown& automaton) {
  for (State s = 1; s < automaton.states(); ++s)
    if (automaton.accepts(s)) return false;
  return true;
}

Pushdown finite(const Nfa& nfa) {
  return accepts_any(nfa) ? minimized(determinize(nfa)) : Pushdown();
}

}  // namespace stemma::grammar
