#include "text/split/english_rejoiner.h"

#include <algorithm>

namespace stemma::split {

void EnglishRejoiner::add(Tokens tokens, const EnglishCuts& cuts) {
  const std::size_t count = tokens.size();
  bool changes = false;
  for (std::size_t i = 0; i < count; ++i)
    changes |= i >= cuts.size() || cuts[i] != tokens[i].size();
  // Nothing is shorter that it could stand in the way of.
  if (count == 1 && !changes) return;
  std::size_t node = 0;
  for (const std::string_view token : tokens) {
    std::size_t next = next_node(node, token);
    if (next == 0) {
      next = nodes_.size();
      nodes_[node].next.emplace(token, next);
      nodes_.emplace_back();
    }
    node = next;
  }
  nodes_[node].is_exception = true;
  nodes_[node].changes = changes;
  nodes_[node].cuts = cuts;
  most_tokens_ = std::max(most_tokens_, count);
}

bool EnglishRejoiner::may_change(Tokens tokens) const {
  for (std::size_t begin = 0; begin < tokens.size(); ++begin) {
    std::size_t node = 0;
    for (std::size_t i = begin; i < tokens.size(); ++i) {
      node = next_node(node, tokens[i]);
      if (node == 0) break;
      if (nodes_[node].changes) return true;
    }
  }
  return false;
}

// By a longer exception, or an equally long one before it, that holds its first or last token.
bool EnglishRejoiner::is_blocked(Tokens tokens, std::size_t begin, std::size_t count) const {
  const std::size_t last = begin + count - 1;
  for (std::size_t other = begin - std::min(begin, reach()); other <= last; ++other) {
    std::size_t node = 0;
    for (std::size_t other_last = other; other_last < tokens.size(); ++other_last) {
      node = next_node(node, tokens[other_last]);
      if (node == 0) break;
      const std::size_t size = other_last - other + 1;
      const bool first = size > count || (size == count && other < begin);
      const bool holds = (other <= begin && begin <= other_last) || last <= other_last;
      if (nodes_[node].is_exception && first && holds) return true;
    }
  }
  return false;
}

// The exception at `begin` that is to be, with its number of tokens; null where there is none.
const EnglishRejoiner::Node* EnglishRejoiner::winner_at(Tokens tokens, std::size_t begin,
                                                        std::size_t end, std::size_t& count) const {
  std::size_t node = 0;
  for (std::size_t i = begin; i < end; ++i) {
    node = next_node(node, tokens[i]);
    if (node == 0) return nullptr;
    count = i - begin + 1;
    if (nodes_[node].changes && !is_blocked(tokens, begin, count)) return &nodes_[node];
  }
  return nullptr;
}

void EnglishRejoiner::rejoin(Tokens tokens, std::size_t begin, std::size_t end,
                             std::vector<std::string_view>& result) const {
  while (begin < end) {
    std::size_t count = 0;
    const Node* winner = winner_at(tokens, begin, end, count);
    if (winner == nullptr) {
      result.push_back(tokens[begin++]);
      continue;
    }
    const char* place = tokens[begin].data();
    for (const std::uint8_t length : winner->cuts) {
      if (length == 0) break;
      result.emplace_back(place, length);
      place += length;
    }
    begin += count;
  }
}

}  // namespace stemma::split
