// The last step of spaCy's tokenizer (spacy/tokenizer.pyx, _apply_special_cases, 3.8): where tokens
// that are now neighbours together spell an exception, they are replaced by the tokens of that
// exception. A trie over tokens finds the exceptions. Private to text/.
//
//   "x:D"   x : D   ->   x :D
//
// Of exceptions that overlap, the longest wins, then the first. A match with white space between
// its tokens changes nothing, but it still suppresses shorter matches inside it; spaCy does the
// same. So the tokens of a chunk can depend on its neighbours, up to reach() tokens on either side.
// Immutable: any thread.
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

  // Adds an exception: the tokens that the rules of punctuation alone would cut it into, and its
  // own.
  void add(Tokens tokens, const EnglishCuts& cuts);

  // Whether rejoin() could change these tokens, which are those of one chunk.
  bool may_change(Tokens tokens) const;
  // Appends to `result` what the tokens [begin, end) become. The other tokens are their neighbours.
  void rejoin(Tokens tokens, std::size_t begin, std::size_t end,
              std::vector<std::string_view>& result) const;
  // How far a neighbour can matter: one less than the number of tokens of the longest exception.
  std::size_t reach() const { return most_tokens_ - 1; }

 private:
  // A node of the trie of all exceptions; an edge is a token, the root is node 0.
  struct Node {
    lookup::StringMap<std::size_t> next;
    bool is_exception = false;
    bool changes = false;  // its tokens differ from those of the rules of punctuation
    EnglishCuts cuts{};
  };

  // The child of a node by `token`; 0 where there is none.
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
