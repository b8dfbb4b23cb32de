#include "text/english_rejoiner.h"

#include <algorithm>

namespace stemma {

void EnglishRejoiner::add(std::string_view exception, Tokens tokens, const EnglishCuts& cuts) {
  Pattern pattern;
  pattern.cuts = cuts;
  std::size_t count = 0;
  for (const std::string_view token : tokens) {
    pattern.lengths.push_back(token.size());
    pattern.changes |= count >= cuts.size() || cuts[count] != token.size();
    ++count;
  }
  if (count == 1 && !pattern.changes)
    return;  // nothing is shorter that it could stand in the way of
  most_tokens_ = std::max(most_tokens_, count);
  most_bytes_ = std::max(most_bytes_, exception.size());
  first_tokens_[std::string(tokens[0])] = true;
  patterns_[std::string(exception)] = std::move(pattern);
}

// The exception that tokens [begin, begin + count) spell, token by token.
const EnglishRejoiner::Pattern* EnglishRejoiner::pattern_at(Tokens tokens, std::size_t begin,
                                                            std::size_t count) const {
  std::string spelled;
  for (const std::string_view token : tokens.subspan(begin, count)) {
    if (spelled.size() + token.size() > most_bytes_) return nullptr;
    spelled += token;
  }
  const auto found = patterns_.find(spelled);
  if (found == patterns_.end() || found->second.lengths.size() != count) return nullptr;
  for (std::size_t i = 0; i < count; ++i)
    if (found->second.lengths[i] != tokens[begin + i].size()) return nullptr;
  return &found->second;
}

bool EnglishRejoiner::may_change(Tokens tokens) const {
  for (std::size_t begin = 0; begin < tokens.size(); ++begin) {
    if (!first_tokens_.contains(tokens[begin])) continue;
    for (std::size_t count = 1; count <= std::min(most_tokens_, tokens.size() - begin); ++count)
      if (const Pattern* pattern = pattern_at(tokens, begin, count); pattern && pattern->changes)
        return true;
  }
  return false;
}

// By a longer exception, or an equally long one before it, that holds its first or last token.
bool EnglishRejoiner::is_blocked(Tokens tokens, std::size_t begin, std::size_t count) const {
  const std::size_t last = begin + count - 1;
  for (std::size_t other = begin - std::min(begin, reach()); other <= last; ++other) {
    if (!first_tokens_.contains(tokens[other])) continue;
    const std::size_t shortest = other < begin ? count : count + 1;
    for (std::size_t size = shortest; size <= std::min(most_tokens_, tokens.size() - other);
         ++size) {
      const std::size_t other_last = other + size - 1;
      const bool holds =
          (other <= begin && begin <= other_last) || (other <= last && last <= other_last);
      if (holds && pattern_at(tokens, other, size) != nullptr) return true;
    }
  }
  return false;
}

void EnglishRejoiner::rejoin(Tokens tokens, std::size_t begin, std::size_t end,
                             std::vector<std::string_view>& result) const {
  const auto winner = [&](std::size_t first, std::size_t& count) -> const Pattern* {
    if (!first_tokens_.contains(tokens[first])) return nullptr;
    for (count = std::min(most_tokens_, end - first); count > 0; --count) {
      const Pattern* pattern = pattern_at(tokens, first, count);
      if (pattern != nullptr && pattern->changes && !is_blocked(tokens, first, count))
        return pattern;
    }
    return nullptr;
  };
  while (begin < end) {
    std::size_t count = 0;
    const Pattern* pattern = winner(begin, count);
    if (pattern == nullptr) {
      result.push_back(tokens[begin++]);
      continue;
    }
    const char* place = tokens[begin].data();
    for (const std::uint8_t length : pattern->cuts) {
      if (length == 0) break;
      result.emplace_back(place, length);
      place += length;
    }
    begin += count;
  }
}

}  // namespace stemma
