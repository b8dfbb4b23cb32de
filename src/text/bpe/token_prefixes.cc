#include "text/bpe/token_prefixes.h"

#include <algorithm>
#include <bit>
#include <functional>
#include <utility>

namespace stemma::bpe {
TokenPrefixes::TokenPrefixes(const BpeVocabulary& vocabulary, const MergeRules& rules)
    : rules_(rules), heads_(1 << 10) {
  const lookup::TokenList& tokens = vocabulary.tokens;
  const std::vector<bool> special = vocabulary.special_ids();
  for (std::size_t id = 0; id < tokens.size(); ++id)
    if (!special[id]) add(tokens[id], static_cast<std::int32_t>(id));
  for (std::vector<std::size_t>& sizes : longs_) {
    std::ranges::sort(sizes, std::greater<>());
    const auto repeated = std::ranges::unique(sizes);
    sizes.erase(repeated.begin(), repeated.end());
  }
}

void TokenPrefixes::add(std::string_view token, std::int32_t id) {
  if (token.size() < kHeadBytes) return;
  const std::uint32_t bytes = three_bytes(token.data());
  if (head_of(bytes).bytes == kNoBytes) {
    if (2 * ++head_count_ > heads_.size()) {
      const auto old = std::exchange(heads_, LargeVector<Head>(2 * heads_.size()));
      for (const Head& head : old)
        if (head.bytes != kNoBytes) head_of(head.bytes) = head;
    }
    head_of(bytes).bytes = bytes;
  }
  Head& head = head_of(bytes);
  head.sizes |= 1u << std::min<std::size_t>(token.size(), kLongBit);
  if (token.size() == kHeadBytes) head.id = id;
  if (token.size() >= 2 * kHeadBytes) head.follow |= follow_bit(token.data());
  if (token.size() > lookup::kMaxWordBytes) add_long(token);
}

void TokenPrefixes::add_long(std::string_view token) {
  const std::string_view head = token.substr(0, lookup::kMaxWordBytes);
  std::int32_t group = long_heads_.find(head);
  if (group < 0) {
    group = static_cast<std::int32_t>(longs_.size());
    longs_.emplace_back();
    long_heads_.insert(head, group);
  }
  longs_[static_cast<std::size_t>(group)].push_back(token.size());
}

TokenPrefixes::Token TokenPrefixes::longest(std::string_view text, const char* end) const {
  if (text.size() >= kHeadBytes) {
    const Head& head = head_of(three_bytes(text.data()));
    std::uint32_t sizes = head.sizes;
    if (text.size() < kLongBit) sizes &= (2u << text.size()) - 1;
    if ((sizes & kFollowed) != 0 && (head.follow & follow_bit(text.data())) == 0)
      sizes &= ~kFollowed;
    if ((sizes >> kLongBit) != 0) {
      if (const Token token = longest_long(text, end); token.id >= 0) return token;
      sizes ^= 1u << kLongBit;
    }
    for (; sizes >> kHeadBytes > 1; sizes ^= std::bit_floor(sizes)) {
      const auto size = static_cast<std::size_t>(std::bit_width(sizes)) - 1;
      if (const std::int32_t id = rules_.find(text.substr(0, size), end); id >= 0)
        return {id, size};
    }
    if (sizes != 0) return {head.id, kHeadBytes};
  }
  if (text.size() >= 2)
    if (const std::int32_t id = rules_.id_of_two(text.data()); id >= 0) return {id, 2};
  return {rules_.id_of_byte(text[0]), 1};
}

TokenPrefixes::Token TokenPrefixes::longest_long(std::string_view text, const char* end) const {
  const std::int32_t group = long_heads_.find(text.substr(0, lookup::kMaxWordBytes), end);
  if (group < 0) return {};
  for (const std::size_t size : longs_[static_cast<std::size_t>(group)]) {
    if (size > text.size()) continue;
    if (const std::int32_t id = rules_.find(text.substr(0, size), end); id >= 0) return {id, size};
  }
  return {};
}

}  // namespace stemma::bpe
