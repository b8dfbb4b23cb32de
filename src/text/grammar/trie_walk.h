// Walks an automaton over the tokens of a trie: which are allowed in a state, and which leave the
// value in which the state lies.
//
//   TrieWalk walk(automaton);
//   walk.run({.trie = &trie, .begin = 0, .end = trie.nodes()}, state, stack,
//            [&](std::span<const std::int32_t> ids) { ... },      // allowed tokens
//            [&](std::uint32_t node, std::uint32_t result) { ... });
//
// The last function is called where a token returns from the value that was open at the beginning
// and `stack` is empty: the nodes below it depend on what lies below. One thread at a time.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "text/grammar/automaton/pushdown.h"
#include "text/grammar/token_trie.h"

namespace stemma::grammar {

class TrieWalk {
 public:
  explicit TrieWalk(const Pushdown& automaton) : automaton_(automaton) {}

  // Nodes of one subtree, or of all (their `depth` does not matter).
  struct Nodes {
    const TokenTrie* trie;
    std::uint32_t begin, end;
  };

  template <class Allowed, class Leaves>
  void run(Nodes nodes, Pushdown::State state, std::span<const std::uint32_t> stack,
           Allowed allowed, Leaves leaves) {
    if (nodes.begin == nodes.end) return;
    const std::uint32_t base = nodes.trie->node(nodes.begin).depth - 1;
    places_.resize(std::max<std::size_t>(places_.size(), nodes.trie->depth() + std::size_t{1}));
    places_[base] = {state, 0, static_cast<std::uint32_t>(stack.size())};
    opened_.clear();
    opened_.push_back({});  // number 0: nothing was opened by the token
    for (std::uint32_t n = nodes.begin; n < nodes.end;) {
      const TokenTrie::Node& node = nodes.trie->node(n);
      Place place = places_[node.depth - 1];
      const Pushdown::Step step = automaton_.step(place.state, node.byte);
      if (step.is_state()) {
        place.state = step.state();
      } else if (step.is_refused()) {
        n = node.end;
        continue;
      } else if (step.is_push()) {
        opened_.push_back({step.site(), place.opened});
        place.opened = static_cast<std::uint32_t>(opened_.size() - 1);
        place.state = automaton_.start_of(step.site());
      } else if (place.opened != 0) {
        const Opened& top = opened_[place.opened];
        place.state = automaton_.after_pop(top.site, step.result());
        place.opened = top.below;
      } else if (place.left > 0) {
        place.state = automaton_.after_pop(stack[--place.left], step.result());
      } else {
        leaves(n, step.result());
        n = node.end;
        continue;
      }
      places_[node.depth] = place;
      if (const auto ids = nodes.trie->ids(n); !ids.empty()) allowed(ids);
      ++n;
    }
  }

 private:
  // After some bytes of a token: what it has opened is on a stack of its own (a persistent one,
  // since tokens share beginnings); of the given stack `left` are left.
  struct Place {
    Pushdown::State state;
    std::uint32_t opened, left;
  };
  struct Opened {
    std::uint32_t site = 0, below = 0;
  };

  const Pushdown& automaton_;
  std::vector<Place> places_;  // by depth
  std::vector<Opened> opened_;
};

}  // namespace stemma::grammar
