#include "text/token_trees.h"

#include <cstddef>

namespace stemma {
namespace {

// Under tiktoken's rule the last merge of a token is searched for, in time that grows with the
// square of its length; a longer token is merged instead.
constexpr std::size_t kMaxSearchedBytes = 256;

}  // namespace

TokenTrees::TokenTrees(const BpeVocabulary& vocabulary, const MergeRules& rules)
    : rules_(rules), trees_(vocabulary.tokens.size()) {
  const TokenList& tokens = vocabulary.tokens;
  const auto count = static_cast<std::int32_t>(tokens.size());
  std::vector<bool> special(tokens.size());
  for (const auto& [name, id] : vocabulary.special_tokens) special[id] = true;
  for (std::int32_t id = 0; id < count; ++id)
    if (tokens[id].size() == 1) trees_[id].kind = Kind::byte;
  if (rules_.by_tokens()) {
    for (std::int32_t id = 0; id < count; ++id)
      if (!special[id] && !tokens[id].empty() && tokens[id].size() <= kMaxSearchedBytes)
        grow_by_tokens(tokens, id);
  } else {
    for (std::size_t rank = 0; rank < vocabulary.merges.size(); ++rank)
      grow_by_pair(tokens, vocabulary.merges[rank], static_cast<std::int32_t>(rank));
  }
  std::vector<std::int32_t> ids;
  for (std::int32_t id = 0; id < count; ++id) {
    if (special[id] || tokens[id].empty() || is_own_encoding(id)) continue;
    ids.clear();
    rules_.merge(tokens[id], ids);
    if (ids.size() == 1 && ids[0] == id) trees_[id].kind = Kind::irregular;
  }
}

// In the order of ids, which are ranks here: a part with a larger id has no tree yet.
void TokenTrees::grow_by_tokens(const TokenList& tokens, std::int32_t id) {
  const std::string_view bytes = tokens[id];
  const char* end = bytes.data() + bytes.size();
  for (std::size_t cut = bytes.size(); --cut > 0 && tree(id).kind == Kind::none;) {
    const std::int32_t left = rules_.find(bytes.substr(0, cut), end);
    if (left < 0) continue;
    const std::int32_t right = rules_.find(bytes.substr(cut), end);
    if (right >= 0) grow(id, {left, right, bytes}, id);
  }
}

void TokenTrees::grow_by_pair(const TokenList& tokens, const BpeMerge& merge, std::int32_t rank) {
  if (tree(merge.result).kind == Kind::none)
    grow(merge.result, {merge.left, merge.right, tokens[merge.result]}, rank);
}

// The merge of this rank is the last of the token's own where each part is what its bytes merge to
// before, and nothing crosses from one to the other before.
void TokenTrees::grow(std::int32_t id, const Neighbours& parts, std::int32_t rank) {
  const auto has_tree = [&](std::int32_t part) {
    return tree(part).kind == Kind::byte || tree(part).kind == Kind::regular;
  };
  if (has_tree(parts.left) && has_tree(parts.right) &&
      stay_apart_below(rank, parts, parts.bytes.data() + parts.bytes.size()))
    trees_[id] = {parts.left, parts.right, rank, Kind::regular};
}

bool TokenTrees::stay_apart(const Neighbours& pair, const char* end) const {
  const Kind left = tree(pair.left).kind, right = tree(pair.right).kind;
  if (left == Kind::none || right == Kind::none) return false;
  if (left != Kind::irregular && right != Kind::irregular)
    return stay_apart_below(MergeRules::kNoRank, pair, end);
  std::vector<std::int32_t> ids;
  rules_.merge(pair.bytes, ids);
  return ids.size() == 2 && ids[0] == pair.left && ids[1] == pair.right;
}

// Backwards in time: of the merges that made the two ends that meet, the later one is undone, of
// equal ranks the right one. Before it, a merge across had to have a lower rank than it, or the
// same where it is to the left of it.
bool TokenTrees::stay_apart_below(std::int32_t limit, Neighbours pair, const char* end) const {
  for (;;) {
    if (rules_.rank(pair, end) < limit) return false;
    const Tree& left = tree(pair.left);
    const Tree& right = tree(pair.right);
    if (left.rank > right.rank) {
      limit = left.rank;
      pair.bytes.remove_prefix(rules_.size_of(left.left));
      pair.left = left.right;
    } else if (right.rank >= 0) {
      limit = right.rank + 1;
      pair.bytes.remove_suffix(rules_.size_of(right.right));
      pair.right = right.left;
    } else {
      return true;
    }
  }
}

}  // namespace stemma
