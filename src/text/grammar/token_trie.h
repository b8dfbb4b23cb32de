// A trie (prefix tree) of tokens in one array, in depth-first order, so that a walk over all tokens
// goes forwards through memory and passes over what an automaton refuses.
//
//   TokenTrie trie({{"the", 5}, {"th", 9}});
//   for (std::uint32_t n = 0; n < trie.nodes(); ) {
//     const TokenTrie::Node& node = trie.node(n);
//     n = refused(node.byte) ? node.end : n + 1;     // `end`: behind everything below it
//   }
//
// Immutable; any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

namespace stemma::grammar {

class TokenTrie {
 public:
  struct Node {
    std::uint32_t end = 0;    // the next node that is not below this one
    std::uint32_t first = 0;  // of its tokens in ids()
    std::uint32_t depth = 0;  // 1: the first byte of a token
    std::uint8_t byte = 0;
  };

  TokenTrie() : nodes_(1) {}
  // Tokens are not empty; several may have the same bytes.
  explicit TokenTrie(std::vector<std::pair<std::string_view, std::int32_t>> tokens);

  std::uint32_t nodes() const { return static_cast<std::uint32_t>(nodes_.size() - 1); }
  const Node& node(std::uint32_t number) const { return nodes_[number]; }
  // The tokens that end at a node.
  std::span<const std::int32_t> ids(std::uint32_t number) const {
    return {ids_.data() + nodes_[number].first, ids_.data() + nodes_[number + 1].first};
  }
  std::uint32_t depth() const { return depth_; }  // of the deepest node

 private:
  std::vector<Node> nodes_;  // and one behind the last
  std::vector<std::int32_t> ids_;
  std::uint32_t depth_ = 0;
};

}  // namespace stemma::grammar
