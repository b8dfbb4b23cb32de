#include "text/token_prefixes.h"

#include <algorithm>
#include <bit>
#include <functional>

namespace stemma {

TokenPrefixes::TokenPrefixes(const BpeVocabulary& vocabulary, const MergeRules& rules)
    : rules_(rules), sizes_of_(1 << 16) {
  const TokenList& tokens = vocabulary.tokens;
  std::vector<bool> special(tokens.size());
  for (const auto& [name, id] : vocabulary.special_tokens) special[id] = true;
  for (std::size_t id = 0; id < tokens.size(); ++id) {
    const std::string_view token = tokens[id];
    if (special[id] || token.size() < kHead) continue;
    sizes_of_[place_of(token.data())] |= 1u << std::min<std::size_t>(token.size(), kLongBit);
    if (token.size() <= kMaxWordBytes) continue;
    const std::string_view head = token.substr(0, kMaxWordBytes);
    std::int32_t group = long_heads_.find(head);
    if (group < 0) {
      group = static_cast<std::int32_t>(longs_.size());
      longs_.emplace_back();
      long_heads_.insert(head, group);
    }
    longs_[static_cast<std::size_t>(group)].push_back(token.size());
  }
  for (std::vector<std::size_t>& sizes : longs_) {
    std::ranges::sort(sizes, std::greater<>());
    const auto repeated = std::ranges::unique(sizes);
    sizes.erase(repeated.begin(), repeated.end());
  }
}

TokenPrefixes::Token TokenPrefixes::longest(std::string_view text, const char* end) const {
  if (text.size() >= kHead) {
    std::uint32_t sizes = sizes_of_[place_of(text.data())];
    if (text.size() > kMaxWordBytes) {
      if ((sizes >> kLongBit) != 0)
        if (const Token token = longest_long(text, end); token.id >= 0) return token;
      sizes &= (1u << kLongBit) - 1;
    } else {
      sizes &= (2u << text.size()) - 1;
    }
    while (sizes != 0) {
      const auto size = static_cast<std::size_t>(std::bit_width(sizes)) - 1;
      if (const std::int32_t id = rules_.find(text.substr(0, size), end); id >= 0)
        return {id, size};
      sizes ^= 1u << size;
    }
  }
  if (text.size() >= 2)
    if (const std::int32_t id = rules_.find(text.substr(0, 2), end); id >= 0) return {id, 2};
  return {rules_.id_of_byte(text[0]), 1};
}

TokenPrefixes::Token TokenPrefixes::longest_long(std::string_view text, const char* end) const {
  const std::int32_t group = long_heads_.find(WordKey::of(text.data(), kMaxWordBytes, end));
  if (group < 0) return {};
  for (const std::size_t size : longs_[static_cast<std::size_t>(group)]) {
    if (size > text.size()) continue;
    if (const std::int32_t id = rules_.find(text.substr(0, size), end); id >= 0) return {id, size};
  }
  return {};
}

}  // namespace stemma
