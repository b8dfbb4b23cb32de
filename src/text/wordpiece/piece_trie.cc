#include "text/wordpiece/piece_trie.h"

#include <algorithm>
#include <span>

namespace stemma::wordpiece {

PieceTrie::PieceTrie(std::vector<Piece> pieces) {
  std::ranges::sort(pieces);
  // The pieces of each node, of one depth at a time: those that begin with the node's bytes.
  std::vector<std::span<const Piece>> level{std::span<const Piece>(pieces)}, below;
  nodes_.emplace_back();
  std::size_t first = 0;  // of the level's nodes
  for (std::size_t depth = 0; !level.empty(); ++depth) {
    below.clear();
    const std::size_t end = nodes_.size();
    for (std::size_t i = 0; i < level.size(); ++i) {
      std::span<const Piece> rest = level[i];
      const std::size_t node = first + i;
      if (!rest.empty() && rest.front().first.size() == depth) {
        nodes_[node].id = rest.front().second;
        rest = rest.subspan(1);
      }
      nodes_[node].first_child = static_cast<std::uint32_t>(nodes_.size());
      while (!rest.empty()) {
        const char byte = rest.front().first[depth];
        const auto other = std::ranges::find_if(
            rest, [&](const Piece& piece) { return piece.first[depth] != byte; });
        const auto count = static_cast<std::size_t>(other - rest.begin());
        nodes_.push_back({.byte = static_cast<std::uint8_t>(byte)});
        ++nodes_[node].children;
        below.push_back(rest.first(count));
        rest = rest.subspan(count);
      }
    }
    first = end;
    level.swap(below);
  }
}

PieceTrie::Match PieceTrie::longest(std::string_view word) const {
  Match match;
  const Node* node = nodes_.data();
  for (std::size_t place = 0; place < word.size(); ++place) {
    const auto byte = static_cast<std::uint8_t>(word[place]);
    const Node* const begin = nodes_.data() + node->first_child;
    const Node* const end = begin + node->children;
    node = std::lower_bound(begin, end, byte, [](const Node& child, std::uint8_t wanted) {
      return child.byte < wanted;
    });
    if (node == end || node->byte != byte) break;
    if (node->id >= 0) match = {node->id, place + 1};
  }
  return match;
}

}  // namespace stemma::wordpiece
