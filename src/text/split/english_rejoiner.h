// The last step of spaCy's tokenizer (spacy/tokenizer.pyx, _apply_special_cases, 3.8): tokens that
// came to lie side by side and together spell an exception become the tokens of that exception.
//
//   "x:D"   x : D   ->   x :D
//
// Of exceptions that overlap the longest wins, then the first. Those that only seem to be one,
// because white space lies between their tokens, change nothing but stand in the way of shorter
// ones. So what becomes of a chunk may depend on its neighbours, up to reach() tokens to both
// sides. Immutable: any thread. Private to text/.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>
#include <vector>

#include "text/lookup/string_map.h"
#include "text/split/english_exceptions.h"

namespace stemma::split {

class EnglishRejoiner {
 public:
  using Tokens = std::span<const std::string_view>;

  // An exception, as the tokens that the rules of signs alone would make of it, and its own.
  void add(Tokens tokens, const EnglishCuts& cuts);

  // Whether these tokens of a chunk may have to change.
  bool may_change(Tokens tokens) const;
  // Appends to `result` what tokens [begin, end) of `tokens` become, where the others are their
  // neighbours.
  void rejoin(Tokens tokens, std::size_t begin, std::size_t end,
              std::vector<std::string_view>& result) const;
  // The most tokens of one exception, less one.
  std::size_t reach() const { return most_tokens_ - 1; }

 private:
  // Of the tree of all exceptions, token by token from the root, node 0.
  struct Node {
    lookup::StringMap<std::size_t> next;
    bool is_exception = false;
    bool changes = false;  // its tokens are others than those of the rules of signs
    EnglishCuts cuts{};
  };

  // The node of `token` below another; 0: none.
  std::size_t next_node(std::size_t node, std::string_view token) const {
    const auto found = nodes_[node].next.find(token);
    return found == nodes_[node].next.end() ? 0 : found->second;
  }
  const Node* winner_at(Tokens tokens, std::size_t begin, std::size_t end,
                        std::size_t& count) const;
  bool is_blocked(Tokens tokens, std::size_t begin, std::size_t count) const;

  std::vector<Node> nodes_{Node()};
  std::size_t most_tokens_ = 1;
};

}  // namespace stemma::split
