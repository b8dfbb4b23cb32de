// How each token is merged out of its bytes, and so whether two tokens stay apart when they follow
// each other. Private to text/.
//
//   TokenTrees trees(rules, vocabulary.tokens.size());
//   trees.stay_apart({id("ab"), id("c"), "abc"}, end);   // "abc" is encoded as these two
//
// The tree of a token: the two tokens of its last merge, the rank of that merge, and their trees.
// It is regular when ranks rise from the bytes to the top; then every encoding makes its merges in
// the order of ranks, and whether a merge ever crosses from one token to the next is found by
// undoing the merges at the ends where they meet (docs/decisions.md). Vocabularies that were
// trained have regular trees only; for others the definition is followed merge by merge.
//
// A tree is found when it is first asked for, as a text needs few of them. Refers to the rules.
// Any thread: two that find the same tree write the same.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/large_pages.h"
#include "text/bpe/merge_rules.h"

namespace stemma::bpe {

class TokenTrees {
 public:
  TokenTrees(const MergeRules& rules, std::size_t tokens) : rules_(rules), trees_(tokens) {}

  // Merging the bytes of the token gives the token. bytes: those of the token; end, everywhere: up
  // to where memory may be read.
  bool is_own_encoding(std::int32_t id, std::string_view bytes, const char* end) const {
    return tree(id, bytes, end).kind != Kind::none;
  }
  // Merging the bytes of both gives these two tokens.
  bool stay_apart(const Neighbours& pair, const char* end) const;

 private:
  enum class Kind : std::uint8_t { unknown, none, byte, regular, irregular };
  struct Tree {
    std::int32_t left = -1, right = -1;
    std::int32_t rank = -1;
    Kind kind = Kind::none;
  };
  // A tree whose kind is known is whole.
  struct SharedTree {
    std::atomic<std::int32_t> left = -1, right = -1;
    std::atomic<std::int32_t> rank = -1;
    std::atomic<Kind> kind = Kind::unknown;
  };

  Tree tree(std::int32_t id, std::string_view bytes, const char* end) const {
    const SharedTree& shared = trees_[static_cast<std::size_t>(id)];
    const Kind kind = shared.kind.load(std::memory_order_acquire);
    if (kind == Kind::unknown) return grown(id, bytes, end);
    return {shared.left.load(std::memory_order_relaxed),
            shared.right.load(std::memory_order_relaxed),
            shared.rank.load(std::memory_order_relaxed), kind};
  }
  Tree grown(std::int32_t id, std::string_view bytes, const char* end) const;
  Tree find_tree(std::int32_t id, std::string_view bytes, const char* end) const;
  // No merge of a rank below `limit` crosses from the left to the right; both are bytes or regular.
  bool stay_apart_below(std::int32_t limit, Neighbours pair, const char* end) const;

  const MergeRules& rules_;
  mutable LargeVector<SharedTree> trees_;
};

}  // namespace stemma::bpe
