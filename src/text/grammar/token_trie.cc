#include "text/grammar/token_trie.h"

#include <algorithm>

namespace stemma::grammar {

TokenTrie::TokenTrie(std::vector<std::pair<std::string_view, std::int32_t>> tokens) {
  std::ranges::sort(tokens);
  std::vector<std::uint32_t> path;  // nodes of the token before, by depth
  std::string_view before;
  const auto close_below = [&](std::size_t depth) {
    for (; path.size() > depth; path.pop_back())
      nodes_[path.back()].end = static_cast<std::uint32_t>(nodes_.size());
  };
  for (const auto& [bytes, id] : tokens) {
    const auto common =
        static_cast<std::size_t>(std::ranges::mismatch(bytes, before).in1 - bytes.begin());
    close_below(common);
    for (std::size_t i = common; i < bytes.size(); ++i) {
      path.push_back(static_cast<std::uint32_t>(nodes_.size()));
      nodes_.push_back({0, static_cast<std::uint32_t>(ids_.size()),
                        static_cast<std::uint32_t>(i + 1), static_cast<std::uint8_t>(bytes[i])});
    }
    depth_ = std::max(depth_, static_cast<std::uint32_t>(bytes.size()));
    ids_.push_back(id);
    before = bytes;
  }
  close_below(0);
  nodes_.push_back({0, static_cast<std::uint32_t>(ids_.size()), 0, 0});
}

}  // namespace stemma::grammar
