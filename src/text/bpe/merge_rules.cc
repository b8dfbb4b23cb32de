#include "text/bpe/merge_rules.h"

#include <array>
#include <cstring>
#include <functional>
#include <queue>

#include <fmt/format.h>

#include "base/error.h"

namespace stemma::bpe {
namespace {

std::int32_t least(const std::int32_t* ranks, std::size_t count) {
  std::int32_t least = ranks[0];
  for (std::size_t i = 1; i < count; ++i) least = ranks[i] < least ? ranks[i] : least;
  return least;
}

}  // namespace

MergeRules::MergeRules(const BpeVocabulary& vocabulary)
    : by_tokens_(vocabulary.by_tokens),
      whole_pieces_(vocabulary.whole_pieces),
      tokens_(vocabulary.tokens.size()) {
  const lookup::TokenList& tokens = vocabulary.tokens;
  id_of_byte_.fill(-1);
  size_of_id_.reserve(tokens.size());
  for (std::size_t id = 0; id < tokens.size(); ++id) {
    size_of_id_.push_back(static_cast<std::uint32_t>(tokens[id].size()));
    if (tokens[id].size() == 1)
      id_of_byte_[static_cast<unsigned char>(tokens[id][0])] = static_cast<std::int32_t>(id);
  }
  ranks_.reserve(vocabulary.merges.size());
  result_of_rank_.reserve(vocabulary.merges.size());
  for (const BpeMerge& merge : vocabulary.merges) {
    ranks_[lookup::pair_key(merge.left, merge.right)] =
        static_cast<std::int32_t>(result_of_rank_.size());
    result_of_rank_.push_back(merge.result);
  }
  const std::vector<bool> special = vocabulary.special_ids();
  for (std::size_t id = 0; id < tokens.size(); ++id)
    if (!special[id] && !tokens[id].empty())
      tokens_.insert(tokens[id], static_cast<std::int32_t>(id));
  rank_of_two_.assign(1 << 16, kNoRank);
  for (std::size_t both = 0; both < rank_of_two_.size(); ++both) {
    const char bytes[2] = {static_cast<char>(both), static_cast<char>(both >> 8)};
    if (id_of_byte(bytes[0]) < 0 || id_of_byte(bytes[1]) < 0) continue;
    rank_of_two_[both] = rank({id_of_byte(bytes[0]), id_of_byte(bytes[1]), {bytes, 2}}, bytes + 2);
  }
}

// Each pass merges every place of the lowest rank from left to right, as the definition does one
// after the other, and stops merging when a new pair comes before them.
std::size_t MergeRules::merge_word(const lookup::WordKey& word, std::int32_t* ids) const {
  constexpr std::size_t kMost = lookup::kMaxWordBytes + 1;
  // Symbol i has the bytes from begins[i] to begins[i + 1]; ranks[i] is of the pair (i, i + 1).
  std::array<std::int32_t, kMost> symbols, ranks;
  std::array<std::uint32_t, kMost> begins;
  const auto rank_at = [&](std::size_t left, std::int32_t right, std::size_t until) {
    return by_tokens_ ? rank_of_token(tokens_.find(word.part(begins[left], until - begins[left])))
                      : rank_of_pair(symbols[left], right);
  };
  std::size_t count = word.size();
  for (std::size_t i = 0; i < count; ++i) {
    const unsigned both = word.two_bytes(i);
    symbols[i] = id_of_byte_[both & 0xFF];
    begins[i] = static_cast<std::uint32_t>(i);
    ranks[i] = i + 1 < count ? rank_of_two_[both] : kNoRank;
  }
  begins[count] = static_cast<std::uint32_t>(count);
  for (;;) {
    const std::int32_t lowest = least(ranks.data(), count);
    if (lowest == kNoRank) break;
    bool merging = true;
    std::size_t kept = 0;
    for (std::size_t i = 0; i < count; ++kept) {
      symbols[kept] = symbols[i];
      begins[kept] = begins[i];
      ranks[kept] = ranks[i];
      if (!merging || ranks[i] != lowest) {
        ++i;
        continue;
      }
      i += 2;
      symbols[kept] = result(lowest);
      if (kept > 0) ranks[kept - 1] = rank_at(kept - 1, symbols[kept], begins[i]);
      ranks[kept] = i == count ? kNoRank : rank_at(kept, symbols[i], begins[i + 1]);
      merging = ranks[kept] > lowest && (kept == 0 || ranks[kept - 1] > lowest);
    }
    begins[kept] = begins[count];
    count = kept;
  }
  std::memcpy(ids, symbols.data(),
              lookup::kMaxWordBytes * sizeof(*ids));  // some for nothing, but at once
  return count;
}

void MergeRules::merge(std::string_view piece, std::vector<std::int32_t>& ids) const {
  if (piece.size() >= (std::size_t{1} << 31))
    throw Error(ErrorCode::invalid_argument,
                fmt::format("[encode] {} bytes are too many to be merged at once: at most 2 GiB",
                            piece.size()));
  const auto size = static_cast<std::uint32_t>(piece.size());
  struct Symbol {
    std::int32_t id;
    std::uint32_t previous, next;  // `size` ends the list, also to the left
    std::int32_t rank;             // of the pair (this, next); kNoRank when merged away
  };
  std::vector<Symbol> symbols(size);
  for (std::uint32_t i = 0; i < size; ++i)
    symbols[i] = {id_of_byte(piece[i]), i == 0 ? size : i - 1, i + 1, kNoRank};

  // (rank, place) in one number; an entry whose symbol has another rank by now is stale.
  std::priority_queue<std::uint64_t, std::vector<std::uint64_t>, std::greater<>> queue;
  const auto update = [&](std::uint32_t place) {
    Symbol& symbol = symbols[place];
    symbol.rank = kNoRank;
    if (symbol.next == size) return;
    const Symbol& next = symbols[symbol.next];
    symbol.rank = rank({symbol.id, next.id, piece.substr(place, next.next - place)},
                       piece.data() + piece.size());
    if (symbol.rank != kNoRank)
      queue.push(std::uint64_t{static_cast<std::uint32_t>(symbol.rank)} << 32 | place);
  };
  for (std::uint32_t i = 0; i < size; ++i) update(i);

  while (!queue.empty()) {
    const auto rank = static_cast<std::int32_t>(queue.top() >> 32);
    const auto place = static_cast<std::uint32_t>(queue.top());
    queue.pop();
    Symbol& left = symbols[place];
    if (left.rank != rank) continue;
    Symbol& right = symbols[left.next];
    left.id = result(rank);
    left.next = right.next;
    right.rank = kNoRank;
    if (left.next != size) symbols[left.next].previous = place;
    update(place);
    if (left.previous != size) update(left.previous);
  }
  for (std::uint32_t i = 0; i != size; i = symbols[i].next) ids.push_back(symbols[i].id);
}

}  // namespace stemma::bpe
