#include "text/bpe_merger.h"

#include <algorithm>
#include <cstring>
#include <functional>
#include <queue>

#include <fmt/format.h>

#include "base/error.h"

namespace stemma {
namespace {

// Room for WordKey to read past the last word.
constexpr std::size_t kPadding = 16;

// Tokens that end this close to the end of a window are not kept from it: what follows may change
// them.
constexpr std::size_t margin_of(std::size_t window) { return window / 4; }

std::int32_t least(const std::int32_t* ranks, std::size_t count) {
  std::int32_t least = ranks[0];
  for (std::size_t i = 1; i < count; ++i) least = ranks[i] < least ? ranks[i] : least;
  return least;
}

}  // namespace

// `left` and `right` are the ids of neighbours; their bytes are [begin, end) of the window.
struct BpeMerger::ByPairs {
  const BpeMerger& merger;

  ByPairs(const BpeMerger& m, std::string_view) : merger(m) {}
  std::int32_t rank(std::int32_t left, std::int32_t right, std::size_t, std::size_t) const {
    const std::int32_t* found = merger.ranks_.find(pair_key(left, right));
    return found == nullptr ? kNoRank : *found;
  }
  std::int32_t result(std::int32_t rank) const { return merger.result_of_rank_[rank]; }
};

// The rank of a token is its id.
struct BpeMerger::ByTokens {
  const BpeMerger& merger;
  std::string_view padded;  // the window, and behind it what may be read

  ByTokens(const BpeMerger& m, std::string_view p) : merger(m), padded(p) {}
  std::int32_t rank(std::int32_t, std::int32_t, std::size_t begin, std::size_t end) const {
    const std::int32_t id =
        merger.whole_.find(padded.substr(begin, end - begin), padded.data() + padded.size());
    return id < 0 ? kNoRank : id;
  }
  std::int32_t result(std::int32_t rank) const { return rank; }
};

BpeMerger::BpeMerger(const BpeVocabulary& vocabulary)
    : by_tokens_(vocabulary.by_tokens), whole_(vocabulary.tokens.size()) {
  const TokenList& tokens = vocabulary.tokens;
  std::vector<bool> special(tokens.size());
  for (const auto& [name, id] : vocabulary.special_tokens) special[id] = true;
  size_of_id_.reserve(tokens.size());
  for (std::size_t id = 0; id < tokens.size(); ++id) {
    size_of_id_.push_back(static_cast<std::uint32_t>(tokens[id].size()));
    if (tokens[id].size() == 1)
      id_of_byte_[static_cast<unsigned char>(tokens[id][0])] = static_cast<std::int32_t>(id);
  }
  ranks_.reserve(vocabulary.merges.size());
  result_of_rank_.reserve(vocabulary.merges.size());
  for (const BpeMerge& merge : vocabulary.merges) {
    ranks_[pair_key(merge.left, merge.right)] = static_cast<std::int32_t>(result_of_rank_.size());
    result_of_rank_.push_back(merge.result);
  }
  std::vector<std::int32_t> ids;
  for (std::size_t place = 0; place < tokens.size(); ++place) {
    const auto id = static_cast<std::int32_t>(place);
    if (special[place] || tokens[place].empty()) continue;
    if (!by_tokens_ && !vocabulary.whole_pieces) {
      ids.clear();
      merge(tokens[place], ids);
      if (ids.size() != 1 || ids[0] != id) continue;
    }
    whole_.insert(tokens[place], id);
  }
}

void BpeMerger::encode(std::string_view piece, std::vector<std::int32_t>& ids,
                       const char* end) const {
  if (const std::int32_t id = whole_.find(piece, end); id >= 0)
    ids.push_back(id);
  else
    merge(piece, ids);
}

void BpeMerger::merge(std::string_view piece, std::vector<std::int32_t>& ids) const {
  if (piece.size() <= kWindowBytes)
    merge_at_once(piece, ids);
  else
    merge_in_windows(piece, ids);
}

void BpeMerger::merge_at_once(std::string_view window, std::vector<std::int32_t>& ids) const {
  if (window.size() > kMaxPassedBytes) {
    by_tokens_ ? merge_by_queue<ByTokens>(window, ids) : merge_by_queue<ByPairs>(window, ids);
    return;
  }
  std::array<std::int32_t, kMaxPassedBytes> merged;
  const std::size_t count = by_tokens_ ? merge_window<ByTokens>(window, merged.data())
                                       : merge_window<ByPairs>(window, merged.data());
  ids.insert(ids.end(), merged.data(), merged.data() + count);
}

// Each pass merges every place of the lowest rank from left to right, as the definition does one
// after the other, and stops merging when a new pair comes before them.
template <class Merges>
std::size_t BpeMerger::merge_window(std::string_view piece, std::int32_t* ids) const {
  std::array<char, kMaxPassedBytes + kPadding> bytes;
  std::memcpy(bytes.data(), piece.data(), piece.size());
  const Merges merges(*this, {bytes.data(), bytes.size()});
  // Symbol i has the bytes from begins[i] to begins[i + 1]; ranks[i] is of the pair (i, i + 1).
  std::array<std::int32_t, kMaxPassedBytes> ranks;
  std::array<std::uint16_t, kMaxPassedBytes + 1> begins;
  std::size_t count = piece.size();
  for (std::size_t i = 0; i < count; ++i) {
    ids[i] = id_of_byte_[static_cast<unsigned char>(piece[i])];
    begins[i] = static_cast<std::uint16_t>(i);
  }
  begins[count] = static_cast<std::uint16_t>(count);
  for (std::size_t i = 0; i + 1 < count; ++i) ranks[i] = merges.rank(ids[i], ids[i + 1], i, i + 2);
  ranks[count - 1] = kNoRank;

  for (;;) {
    const std::int32_t lowest = least(ranks.data(), count);
    if (lowest == kNoRank) return count;
    bool merging = true;
    std::size_t kept = 0;
    for (std::size_t i = 0; i < count; ++kept) {
      ids[kept] = ids[i];
      begins[kept] = begins[i];
      ranks[kept] = ranks[i];
      if (!merging || ranks[i] != lowest) {
        ++i;
        continue;
      }
      i += 2;
      ids[kept] = merges.result(lowest);
      if (kept > 0)
        ranks[kept - 1] = merges.rank(ids[kept - 1], ids[kept], begins[kept - 1], begins[i]);
      ranks[kept] =
          i == count ? kNoRank : merges.rank(ids[kept], ids[i], begins[kept], begins[i + 1]);
      merging = ranks[kept] > lowest && (kept == 0 || ranks[kept - 1] > lowest);
    }
    begins[kept] = begins[count];
    count = kept;
  }
}

// The last of `ids` is the first token of the next window, from `begin` on.
void BpeMerger::merge_in_windows(std::string_view piece, std::vector<std::int32_t>& ids) const {
  const std::size_t first = ids.size();
  std::vector<std::int32_t> found;
  std::size_t begin = 0, window = kWindowBytes;
  std::size_t smallest = kWindowBytes;  // that holds more than one of the tokens of this piece
  std::size_t failed = 0;               // the furthest window that did not begin as it had to
  for (;;) {
    const std::string_view bytes = piece.substr(begin, window);
    found.clear();
    merge_at_once(bytes, found);
    if (ids.size() > first && found[0] != ids.back()) {
      failed = std::max(failed, begin);
      for (const std::size_t from = begin; begin > 0 && from - begin < window;) {
        ids.pop_back();
        begin = ids.size() > first ? begin - size_of_id_[ids.back()] : 0;
      }
      window *= 2;
      continue;
    }
    const bool last = begin + bytes.size() == piece.size();
    const std::size_t until = last ? bytes.size() : bytes.size() - margin_of(window);
    std::size_t next = ids.size() > first ? 1 : 0, end = next * size_of_id_[found[0]];
    const std::size_t known = next;
    for (; next < found.size() && end + size_of_id_[found[next]] <= until; ++next) {
      ids.push_back(found[next]);
      end += size_of_id_[found[next]];
    }
    if (last) return;
    if (next == known) {
      window *= 2;
      smallest = std::max(smallest, window);
    } else {
      begin += end - size_of_id_[found[next - 1]];
      // Not smaller before that place is behind: the same window would fail there again.
      if (begin > failed) window = std::max(window / 2, smallest);
    }
  }
}

template <class Merges>
void BpeMerger::merge_by_queue(std::string_view piece, std::vector<std::int32_t>& ids) const {
  if (piece.size() >= (std::size_t{1} << 31))
    throw Error(ErrorCode::invalid_argument,
                fmt::format("[encode] {} bytes without a word boundary depend on each other; cut "
                            "the text below 2 GiB",
                            piece.size()));
  const auto size = static_cast<std::uint32_t>(piece.size());
  std::vector<char> bytes(piece.begin(), piece.end());
  bytes.resize(bytes.size() + kPadding);
  const Merges merges(*this, {bytes.data(), bytes.size()});
  struct Symbol {
    std::int32_t id;
    std::uint32_t previous, next;  // `size` ends the list, also to the left
    std::int32_t rank;             // of the pair (this, next); kNoRank when merged away
  };
  std::vector<Symbol> symbols(size);
  for (std::uint32_t i = 0; i < size; ++i)
    symbols[i] = {id_of_byte_[static_cast<unsigned char>(piece[i])], i == 0 ? size : i - 1, i + 1,
                  kNoRank};

  // (rank, place) in one number; an entry whose symbol has another rank by now is stale.
  std::priority_queue<std::uint64_t, std::vector<std::uint64_t>, std::greater<>> queue;
  const auto update = [&](std::uint32_t place) {
    Symbol& symbol = symbols[place];
    symbol.rank = kNoRank;
    if (symbol.next == size) return;
    const Symbol& next = symbols[symbol.next];
    symbol.rank = merges.rank(symbol.id, next.id, place, next.next);
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
    left.id = merges.result(rank);
    left.next = right.next;
    right.rank = kNoRank;
    if (left.next != size) symbols[left.next].previous = place;
    update(place);
    if (left.previous != size) update(left.previous);
  }
  for (std::uint32_t i = 0; i != size; i = symbols[i].next) ids.push_back(symbols[i].id);
}

}  // namespace stemma
