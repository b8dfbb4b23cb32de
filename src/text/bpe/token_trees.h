// The merge tree (derivation tree) of every token, and the question that it answers: do two tokens
// stay two tokens when the text consists of just them? Private to text/.
//
//   TokenTrees trees(rules, vocabulary.tokens.size());
//   trees.stay_apart({id("ab"), id("c"), "abc"}, end);   // "abc" is encoded as these two tokens
//
// The root of a token's tree is its last merge; the two subtrees are the trees of the two tokens
// that it joined; the leaves are bytes. A tree is regular when the rank of every merge is above the
// ranks of the merges below it. For regular trees the answer takes a walk along the right edge of
// the left tree and the left edge of the right tree (docs/tokenizer-proofs.md, "Whether two tokens
// stay apart"). Trained vocabularies have regular trees only; for other tokens the bytes are merged
// as the definition says.
//
// A tree is computed when it is first needed, because a text needs few of them. The object refers
// to the rules. Any number of threads may ask at once: two that compute the same tree store the
// same values.
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

  // Whether merging the bytes of the token gives the token. bytes: those of the token. `end`, here
  // and below: memory may be read up to here.
  bool is_own_encoding(std::int32_t id, std::string_view bytes, const char* end) const {
    return tree(id, bytes, end).kind != Kind::none;
  }
  // Whether merging the bytes of both gives these two tokens.
  bool stay_apart(const Neighbours& pair, const char* end) const;

 private:
  enum class Kind : std::uint8_t { unknown, none, byte, regular, irregular };
  struct Tree {
    std::int32_t left = -1, right = -1;
    std::int32_t rank = -1;
    Kind kind = Kind::none;
  };
  // The kind is stored last, with release order: a tree whose kind is known is complete.
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
  // Whether no merge with a rank below `limit` crosses from the left token to the right one. Both
  // are bytes or have regular trees.
  bool stay_apart_below(std::int32_t limit, Neighbours pair, const char* end) const;

  const MergeRules& rules_;
  mutable LargeVector<SharedTree> trees_;
};

}  // namespace stemma::bpe
