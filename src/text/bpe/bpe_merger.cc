#include "text/bpe/bpe_merger.h"

namespace stemma::bpe {
namespace {

constexpr std::size_t kKnownPairs = 1 << 16;  // a power of two

}  // namespace

BpeMerger::BpeMerger(const BpeVocabulary& vocabulary)
    : rules_(vocabulary),
      trees_(rules_, vocabulary.tokens.size()),
      prefixes_(vocabulary, rules_),
      known_pairs_(kKnownPairs) {
  const lookup::TokenList& tokens = vocabulary.tokens;
  const std::vector<bool> special = vocabulary.special_ids();
  for (std::size_t id = 0; id < tokens.size(); ++id)
    if (!special[id]) filter_.add(tokens[id]);
}

void BpeMerger::encode(std::string_view piece, std::vector<std::int32_t>& ids, Scratch& scratch,
                       const char* end) const {
  const std::int32_t id = rules_.find(piece, end);
  if (id >= 0 && is_whole(id, piece, end))
    ids.push_back(id);
  else
    search(piece, ids, scratch, end);
}

std::size_t BpeMerger::encode_word(const lookup::WordKey& word, std::int32_t* ids) const {
  *ids = rules_.find(word);
  const std::string_view bytes = word.bytes();
  if (*ids >= 0 && is_whole(*ids, bytes, bytes.data() + sizeof(word))) return 1;
  return rules_.merge_word(word, ids);
}

// Only ends between characters are considered: fewer queries, and parts that are whole characters.
std::size_t BpeMerger::part_end(std::string_view piece, std::size_t begin) const {
  for (std::size_t at = begin + 1; at < piece.size(); ++at)
    if ((piece[at] & 0xC0) != 0x80 && !filter_.may_cross(at - begin, piece.size() - at, &piece[at]))
      return at;
  return piece.size();
}

// Whether the right token may stand after the left one. The caller knows that the left one is its
// own encoding.
bool BpeMerger::may_follow(const Neighbours& pair, std::size_t left_size, const char* end) const {
  const std::string_view right = pair.bytes.substr(left_size);
  if (!filter_.may_cross(left_size, right.size(), right.data()))
    return trees_.is_own_encoding(pair.right, right, end);
  // Ids are below 2^31. The key of a pair is never 0, so an entry of 0 is free.
  const std::uint64_t key =
      ((static_cast<std::uint64_t>(pair.left) + 1) << 31 | static_cast<std::uint64_t>(pair.right))
      << 1;
  std::atomic<std::uint64_t>& entry =
      known_pairs_[key * 0x9E3779B97F4A7C15u >> 32 & (kKnownPairs - 1)];
  std::uint64_t known = entry.load(std::memory_order_relaxed);
  if ((known & ~std::uint64_t{1}) != key) {
    known = key | static_cast<std::uint64_t>(trees_.stay_apart(pair, end));
    entry.store(known, std::memory_order_relaxed);
  }
  return (known & 1) != 0;
}

// A depth-first search with memoised failures. The beginning of the piece up to a position has one
// encoding only, so it does not matter by which tokens a dead end was reached.
void BpeMerger::search(std::string_view piece, std::vector<std::int32_t>& ids, Scratch& scratch,
                       const char* end) const {
  const std::size_t first = ids.size();
  scratch.has_dead_ends_ = false;
  std::size_t position = 0, longest = piece.size();
  while (position < piece.size()) {
    if (longest == 0) {
      scratch.mark_dead_end(position, piece.size());
      longest = rules_.size_of(ids.back()) - 1;
      position -= longest + 1;
      ids.pop_back();
      continue;
    }
    const auto [id, size] = prefixes_.longest(piece.substr(position, longest), end);
    longest = size - 1;
    if (scratch.is_dead_end(position + size)) continue;
    if (ids.size() == first) {
      if (!trees_.is_own_encoding(id, piece.substr(position, size), end)) continue;
    } else {
      const std::size_t before = rules_.size_of(ids.back());
      if (!may_follow({ids.back(), id, piece.substr(position - before, before + size)}, before,
                      end))
        continue;
    }
    ids.push_back(id);
    position += size;
    longest = piece.size() - position;
  }
}

}  // namespace stemma::bpe
