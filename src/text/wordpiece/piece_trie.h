// The longest piece that a word begins with, found in one walk over the word's bytes.
//
//   PieceTrie trie({{"un", 7}, {"unable", 8}});
//   trie.longest("unables");                   // {8, 6}
//
// A byte trie: the children of a node lie side by side in the order of their bytes, so that a step
// is a short binary search. 12 bytes a node, at most one node for each byte of the pieces.
// Immutable: any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

namespace stemma::wordpiece {

class PieceTrie {
 public:
  using Piece = std::pair<std::string_view, std::int32_t>;

  PieceTrie() : PieceTrie(std::vector<Piece>()) {}
  // The pieces differ and none is empty; their bytes are not needed afterwards.
  explicit PieceTrie(std::vector<Piece> pieces);

  struct Match {
    std::int32_t id = -1;
    std::size_t size = 0;  // 0: no piece begins the word
  };
  Match longest(std::string_view word) const;

 private:
  struct Node {
    std::uint32_t first_child = 0;
    std::int32_t id = -1;  // of the piece that ends here
    std::uint16_t children = 0;
    std::uint8_t byte = 0;
  };
  std::vector<Node> nodes_;  // by depth; the first is the root
};

}  // namespace stemma::wordpiece
