#include "text/bpe_merger.h"

#include <algorithm>
#include <functional>
#include <queue>

#include <fmt/format.h>

#include "base/error.h"

namespace stemma {
namespace {

// From here on the queue of encode_long() wins over the scans of encode_short().
constexpr std::size_t kLongPiece = 64;

}  // namespace

BpeMerger::BpeMerger(const BpeVocabulary& vocabulary) {
  for (std::size_t id = 0; id < vocabulary.tokens.size(); ++id)
    if (vocabulary.tokens[id].size() == 1)
      id_of_byte_[static_cast<unsigned char>(vocabulary.tokens[id][0])] =
          static_cast<std::int32_t>(id);
  ranks_.reserve(vocabulary.merges.size());
  result_of_rank_.reserve(vocabulary.merges.size());
  for (const BpeMerge& merge : vocabulary.merges) {
    const bool same_rank =
        vocabulary.by_tokens && !result_of_rank_.empty() && result_of_rank_.back() == merge.result;
    if (!same_rank) result_of_rank_.push_back(merge.result);
    ranks_[pair_key(merge.left, merge.right)] =
        static_cast<std::uint32_t>(result_of_rank_.size() - 1);
  }
}

void BpeMerger::encode(std::string_view piece, std::vector<std::int32_t>& ids) const {
  if (piece.size() == 1)
    ids.push_back(id_of_byte_[static_cast<unsigned char>(piece[0])]);
  else if (piece.size() < kLongPiece)
    encode_short(piece, ids);
  else
    encode_long(piece, ids);
}

void BpeMerger::encode_short(std::string_view piece, std::vector<std::int32_t>& ids) const {
  std::array<std::int32_t, kLongPiece> symbols;
  std::array<std::uint32_t, kLongPiece> ranks;  // of the pair that begins at each symbol
  std::size_t count = piece.size();
  for (std::size_t i = 0; i < count; ++i)
    symbols[i] = id_of_byte_[static_cast<unsigned char>(piece[i])];
  for (std::size_t i = 0; i + 1 < count; ++i) ranks[i] = rank_of(symbols[i], symbols[i + 1]);

  while (count > 1) {
    std::size_t best = 0;
    for (std::size_t i = 1; i + 1 < count; ++i)
      if (ranks[i] < ranks[best]) best = i;
    if (ranks[best] == kNoRank) break;
    symbols[best] = result_of_rank_[ranks[best]];
    --count;
    for (std::size_t i = best + 1; i < count; ++i) symbols[i] = symbols[i + 1];
    for (std::size_t i = best + 1; i + 1 < count; ++i) ranks[i] = ranks[i + 1];
    if (best > 0) ranks[best - 1] = rank_of(symbols[best - 1], symbols[best]);
    if (best + 1 < count) ranks[best] = rank_of(symbols[best], symbols[best + 1]);
  }
  for (std::size_t i = 0; i < count; ++i) ids.push_back(symbols[i]);
}

void BpeMerger::encode_long(std::string_view piece, std::vector<std::int32_t>& ids) const {
  if (piece.size() >= (std::size_t{1} << 31))
    throw Error(
        ErrorCode::invalid_argument,
        fmt::format("[encode] a run of {} bytes without a word boundary is too long; cut it "
                    "into texts below 2 GiB",
                    piece.size()));
  const auto size = static_cast<std::uint32_t>(piece.size());
  struct Symbol {
    std::int32_t id;
    std::uint32_t previous, next;  // `size` ends the list, also to the left
    std::uint32_t rank;            // of the pair (this, next); kNoRank when merged away
  };
  std::vector<Symbol> symbols(size);
  for (std::uint32_t i = 0; i < size; ++i)
    symbols[i] = {id_of_byte_[static_cast<unsigned char>(piece[i])], i == 0 ? size : i - 1, i + 1,
                  kNoRank};

  // (rank, place) in one number; an entry whose symbol has another rank by now is stale.
  std::vector<std::uint64_t> first;
  const auto entry = [&](std::uint32_t place) {
    Symbol& symbol = symbols[place];
    symbol.rank = symbol.next == size ? kNoRank : rank_of(symbol.id, symbols[symbol.next].id);
    return std::uint64_t{symbol.rank} << 32 | place;
  };
  for (std::uint32_t i = 0; i < size; ++i) {
    const std::uint64_t added = entry(i);
    if (symbols[i].rank != kNoRank) first.push_back(added);
  }
  std::priority_queue<std::uint64_t, std::vector<std::uint64_t>, std::greater<>> queue(
      std::greater<>{}, std::move(first));
  const auto update = [&](std::uint32_t place) {
    const std::uint64_t added = entry(place);
    if (symbols[place].rank != kNoRank) queue.push(added);
  };

  while (!queue.empty()) {
    const auto rank = static_cast<std::uint32_t>(queue.top() >> 32);
    const auto place = static_cast<std::uint32_t>(queue.top());
    queue.pop();
    Symbol& left = symbols[place];
    if (left.rank != rank) continue;
    Symbol& right = symbols[left.next];
    left.id = result_of_rank_[rank];
    left.next = right.next;
    right.rank = kNoRank;
    if (left.next != size) symbols[left.next].previous = place;
    update(place);
    if (left.previous != size) update(left.previous);
  }
  for (std::uint32_t i = 0; i != size; i = symbols[i].next) ids.push_back(symbols[i].id);
}

}  // namespace stemma
