// How each token is merged out of its bytes, and so whether two tokens stay apart when they follow
// each other. Private to text/.
//
//   TokenTrees trees(vocabulary, rules);
//   trees.stay_apart({id("ab"), id("c"), "abc"}, end);   // "abc" is encoded as these two
//
// The tree of a token: the two tokens of its last merge, the rank of that merge, and their trees.
// It is regular when ranks rise from the bytes to the top; then every encoding makes its merges in
// the order of ranks, and whether a merge ever crosses from one token to the next is found by
// undoing the merges at the ends where they meet (docs/decisions.md). Vocabularies that were
// trained have regular trees only; for others the definition is followed merge by merge.
//
// Refers to the rules. Immutable: any thread.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "text/bpe_vocabulary.h"
#include "text/merge_rules.h"

namespace stemma {

class TokenTrees {
 public:
  TokenTrees(const BpeVocabulary& vocabulary, const MergeRules& rules);

  // Merging the bytes of the token gives the token.
  bool is_own_encoding(std::int32_t id) const { return tree(id).kind != Kind::none; }
  // Merging the bytes of both gives these two tokens. end: up to where memory may be read.
  bool stay_apart(const Neighbours& pair, const char* end) const;

 private:
  enum class Kind : std::uint8_t { none, byte, regular, irregular };
  struct Tree {
    std::int32_t left = -1, right = -1;
    std::int32_t rank = -1;
    Kind kind = Kind::none;
  };

  const Tree& tree(std::int32_t id) const { return trees_[static_cast<std::size_t>(id)]; }
  // No merge of a rank below `limit` crosses from the left to the right; both are bytes or regular.
  bool stay_apart_below(std::int32_t limit, Neighbours pair, const char* end) const;
  void grow_by_tokens(const TokenList& tokens, std::int32_t id);
  void grow_by_pair(const TokenList& tokens, const BpeMerge& merge, std::int32_t rank);
  void grow(std::int32_t id, const Neighbours& parts, std::int32_t rank);

  const MergeRules& rules_;
  std::vector<Tree> trees_;
};

}  // namespace stemma
