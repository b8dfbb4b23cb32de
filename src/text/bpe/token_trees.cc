#include "text/bpe/token_trees.h"

namespace stemma::bpe {
namespace {

// Bytes. The search for the last merge of a token takes time that grows with the square of its
// length, so longer tokens are merged instead.
constexpr std::size_t kMaxSearchedBytes = 256;

}  // namespace

TokenTrees::Tree TokenTrees::grown(std::int32_t id, std::string_view bytes, const char* end) const {
  const Tree found = find_tree(id, bytes, end);
  SharedTree& shared = trees_[static_cast<std::size_t>(id)];
  shared.left.store(found.left, std::memory_order_relaxed);
  shared.right.store(found.right, std::memory_order_relaxed);
  shared.rank.store(found.rank, std::memory_order_relaxed);
  shared.kind.store(found.kind, std::memory_order_release);
  return found;
}

// Tries every cut of the token into two tokens. A cut is the token's last merge when each part is
// what its own bytes merge to, by merges of lower ranks, and no merge of a lower rank crosses the
// cut.
TokenTrees::Tree TokenTrees::find_tree(std::int32_t id, std::string_view bytes,
                                       const char* end) const {
  if (bytes.size() == 1) return {-1, -1, -1, Kind::byte};
  const auto comes_before = [](const Tree& part, std::int32_t rank) {
    return (part.kind == Kind::byte || part.kind == Kind::regular) && part.rank < rank;
  };
  if (bytes.size() <= kMaxSearchedBytes) {
    for (std::size_t cut = bytes.size() - 1; cut > 0; --cut) {
      const std::int32_t left = rules_.find(bytes.substr(0, cut), end);
      if (left < 0) continue;
      const std::int32_t right = rules_.find(bytes.substr(cut), end);
      if (right < 0) continue;
      const Neighbours parts{left, right, bytes};
      const std::int32_t rank = rules_.rank(parts, end);
      if (rank != MergeRules::kNoRank &&
          comes_before(tree(left, bytes.substr(0, cut), end), rank) &&
          comes_before(tree(right, bytes.substr(cut), end), rank) &&
          stay_apart_below(rank, parts, end))
        return {left, right, rank, Kind::regular};
    }
  }
  std::vector<std::int32_t> ids;
  rules_.merge(bytes, ids);
  return {-1, -1, -1, ids.size() == 1 && ids[0] == id ? Kind::irregular : Kind::none};
}

bool TokenTrees::stay_apart(const Neighbours& pair, const char* end) const {
  const std::size_t size = rules_.size_of(pair.left);
  const Kind left = tree(pair.left, pair.bytes.substr(0, size), end).kind;
  const Kind right = tree(pair.right, pair.bytes.substr(size), end).kind;
  if (left == Kind::none || right == Kind::none) return false;
  if (left != Kind::irregular && right != Kind::irregular)
    return stay_apart_below(MergeRules::kNoRank, pair, end);
  std::vector<std::int32_t> ids;
  rules_.merge(pair.bytes, ids);
  return ids.size() == 2 && ids[0] == pair.left && ids[1] == pair.right;
}

// Goes backwards in time (docs/tokenizer-proofs.md, "Whether two tokens stay apart"). In each step
// the later one of the two last merges is undone, of equal ranks the right one. A merge across the
// boundary would have had to come before it: with a lower rank, or with the same rank and further
// left.
bool TokenTrees::stay_apart_below(std::int32_t limit, Neighbours pair, const char* end) const {
  for (;;) {
    if (rules_.rank(pair, end) < limit) return false;
    const std::size_t size = rules_.size_of(pair.left);
    const Tree left = tree(pair.left, pair.bytes.substr(0, size), end);
    const Tree right = tree(pair.right, pair.bytes.substr(size), end);
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

}  // namespace stemma::bpe
