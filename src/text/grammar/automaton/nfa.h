// A grammar while it is put together: a nondeterministic automaton over bytes whose edges may also
// call a rule, which is an object or an array with its brackets.
//
//   Nfa nfa;                                           // accepts nothing yet
//   const auto list = nfa.add_rule('[', ']');          // [], [[]], [[],[]] without commas
//   nfa.add_nothing(nfa.rule(list).start, nfa.rule(list).final);
//   nfa.add_call(nfa.rule(list).start, list, nfa.rule(list).start);
//   nfa.add_call(Nfa::kStart, list, Nfa::kAccept);
//   const Pushdown automaton = determinize(nfa, "schema");
//
// Edges that take nothing (epsilon) are allowed, in circles too. `begin` and `end` take nothing and
// hold only before the first and behind the last byte of the whole text; rules must not use them.
// Every function that adds something throws invalid_argument above kMaxNfaStates states or
// kMaxNfaEdges edges.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "text/grammar/automaton/pushdown.h"

namespace stemma::grammar {

class Nfa {
 public:
  using State = std::uint32_t;
  static constexpr State kStart = 0, kAccept = 1;

  enum class EdgeKind : std::uint8_t { bytes, nothing, begin, end, call };
  struct Edge {
    EdgeKind kind = EdgeKind::nothing;
    std::uint8_t low = 0, high = 0;  // of bytes, both included
    std::uint32_t rule = 0;          // of a call
    State to = 0;
  };
  struct Rule {
    State start = 0, final = 0;  // between the brackets
    std::uint8_t open = 0, close = 0;
  };

  // `place` stands in brackets in its messages.
  explicit Nfa(std::string place = "grammar");

  State add_state();
  std::uint32_t add_rule(char open, char close);
  void add_bytes(State from, std::uint8_t low, std::uint8_t high, State to) {
    add_edge(from, {EdgeKind::bytes, low, high, 0, to});
  }
  void add_byte(State from, char byte, State to) {
    add_bytes(from, static_cast<std::uint8_t>(byte), static_cast<std::uint8_t>(byte), to);
  }
  void add_nothing(State from, State to) { add_edge(from, {EdgeKind::nothing, 0, 0, 0, to}); }
  void add_begin(State from, State to) { add_edge(from, {EdgeKind::begin, 0, 0, 0, to}); }
  void add_end(State from, State to) { add_edge(from, {EdgeKind::end, 0, 0, 0, to}); }
  void add_call(State from, std::uint32_t rule, State to) {
    add_edge(from, {EdgeKind::call, 0, 0, rule, to});
  }
  // The state behind these bytes.
  State add_text(State from, std::string_view bytes);
  // The words of an automaton without a stack.
  void add_automaton(State from, const Pushdown& automaton, State to);

  std::size_t states() const { return edges_.size(); }
  const std::vector<Edge>& edges(State state) const { return edges_[state]; }
  const std::vector<Rule>& rules() const { return rules_; }
  const Rule& rule(std::uint32_t number) const { return rules_[number]; }
  const std::string& place() const { return place_; }

 private:
  void add_edge(State from, Edge edge);
  [[noreturn]] void too_large() const;

  std::string place_;
  std::vector<std::vector<Edge>> edges_;
  std::vector<Rule> rules_;
  std::size_t edge_count_ = 0;
};

}  // namespace stemma::grammar
