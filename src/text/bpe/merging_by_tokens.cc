#include "text/bpe/merging_by_tokens.h"

#include <algorithm>

#include <fmt/format.h>

#include "text/bpe/bpe_merger.h"
#include "text/unicode/byte_alphabet.h"

namespace stemma::bpe {
namespace {

// The first token that its own bytes do not merge to, or nothing.
std::string token_that_is_not_made(const BpeVocabulary& vocabulary) {
  const BpeMerger merger(vocabulary);
  const std::vector<bool> special = vocabulary.special_ids();
  std::vector<std::int32_t> ids;
  for (std::size_t id = 0; id < special.size(); ++id) {
    const std::string_view token = vocabulary.tokens[id];
    if (special[id] || token.empty()) continue;
    ids.clear();
    merger.encode(token, ids);
    if (ids.size() != 1 || static_cast<std::size_t>(ids[0]) != id)
      return fmt::format("the merges make {} tokens of token '{}' (id {}), not that token",
                         ids.size(), unicode::to_byte_alphabet(token.substr(0, 40)), id);
  }
  return {};
}

// Whether the list has every pair that joins to a token.
bool lists_every_pair(const BpeVocabulary& vocabulary) {
  BpeVocabulary by_tokens = vocabulary;
  by_tokens.by_tokens = true;
  const std::vector<bool> special = vocabulary.special_ids();
  const auto joins_text = [&](const BpeMerge& merge) {
    return !special[static_cast<std::size_t>(merge.left)] &&
           !special[static_cast<std::size_t>(merge.right)];
  };
  const auto listed = std::ranges::count_if(vocabulary.merges, joins_text);
  return listed_merges(by_tokens).size() == static_cast<std::size_t>(listed);
}

}  // namespace

std::string difference_from_merging_by_tokens(const BpeVocabulary& vocabulary) {
  if (vocabulary.by_tokens) return {};
  if (!vocabulary.missing_bytes.empty())
    return fmt::format("byte {:#04x} is no token",
                       static_cast<unsigned char>(vocabulary.missing_bytes.front()));
  const std::vector<BpeMerge>& merges = vocabulary.merges;
  for (std::size_t rank = 1; rank < merges.size(); ++rank)
    if (merges[rank].result < merges[rank - 1].result)
      return fmt::format(
          "merge {} makes id {}, the one before it id {}: ids do not ascend with "
          "ranks",
          rank, merges[rank].result, merges[rank - 1].result);
  if (!vocabulary.whole_pieces) return token_that_is_not_made(vocabulary);
  if (lists_every_pair(vocabulary)) return {};
  BpeVocabulary merged_only = vocabulary;
  merged_only.whole_pieces = false;
  return token_that_is_not_made(merged_only);
}

}  // namespace stemma::bpe
