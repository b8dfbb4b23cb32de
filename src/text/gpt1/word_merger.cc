#include "text/gpt1/word_merger.h"

#include <algorithm>
#include <map>
#include <utility>

#include "text/unicode/utf8.h"

namespace stemma::gpt1 {
namespace {

constexpr std::int32_t kNoToken = -1;
constexpr std::int32_t kMergedAway = -2;

}  // namespace

WordMerger::WordMerger(const Gpt1Vocabulary& vocabulary) : unknown_(vocabulary.unknown) {
  for (std::size_t id = 0; id < vocabulary.tokens.size(); ++id) {
    const std::string_view token = vocabulary.tokens[id];
    char32_t c = 0;
    const std::size_t length = unicode::decode_utf8(token, c);
    if (length == 0) continue;
    const std::string_view rest = token.substr(length);
    if (rest.empty()) symbols_[c].inner = static_cast<std::int32_t>(id);
    if (rest == kWordEnd) symbols_[c].last = static_cast<std::int32_t>(id);
  }
  merges_.reserve(vocabulary.merges.size());
  std::int32_t rank = 0;
  for (const bpe::BpeMerge& merge : vocabulary.merges)
    merges_[lookup::pair_key(merge.left, merge.right)] = {rank++, merge.result};
}

void WordMerger::append_symbols(std::string_view word, std::vector<std::int32_t>& symbols) const {
  for (std::size_t place = 0; place < word.size();) {
    char32_t c = 0;
    const std::size_t length = unicode::decode_utf8(word.substr(place), c);
    place += std::max<std::size_t>(length, 1);
    const auto found = length > 0 ? symbols_.find(c) : symbols_.end();
    if (found == symbols_.end())
      symbols.push_back(kNoToken);
    else
      symbols.push_back(place < word.size() ? found->second.inner : found->second.last);
  }
}

// Looks through the whole word for each merge. Returns how many symbols are left.
std::size_t WordMerger::merge_short(std::span<std::int32_t> symbols) const {
  std::size_t size = symbols.size();
  for (;;) {
    const Merge* best = nullptr;
    std::size_t first = 0;
    for (std::size_t i = 0; i + 1 < size; ++i) {
      const Merge* merge = merge_of(symbols[i], symbols[i + 1]);
      if (merge == nullptr || (best != nullptr && best->rank <= merge->rank)) continue;
      best = merge;
      first = i;
    }
    if (best == nullptr) return size;
    const std::int32_t left = symbols[first], right = symbols[first + 1];
    std::size_t kept = first;
    for (std::size_t i = first; i < size; ++kept) {
      const bool here = i + 1 < size && symbols[i] == left && symbols[i + 1] == right;
      symbols[kept] = here ? best->result : symbols[i];
      i += here ? 2 : 1;
    }
    size = kept;
  }
}

// Keeps the places of each rank. A round takes those of the lowest one; what comes into being in
// it, even of a lower rank, waits for the next round, as in the definition.
std::size_t WordMerger::merge_long(std::span<std::int32_t> symbols) const {
  const std::size_t size = symbols.size();
  std::vector<std::uint32_t> before(size), after(size);
  std::map<std::int32_t, std::vector<std::uint32_t>> places;
  const auto add_pair = [&](std::size_t left, std::size_t right) {
    if (const Merge* merge = merge_of(symbols[left], symbols[right]))
      places[merge->rank].push_back(static_cast<std::uint32_t>(left));
  };
  for (std::size_t i = 0; i < size; ++i) {
    before[i] = static_cast<std::uint32_t>(i - 1);  // of the first: a place that does not exist
    after[i] = static_cast<std::uint32_t>(i + 1);
    if (i + 1 < size) add_pair(i, i + 1);
  }
  while (!places.empty()) {
    auto round = places.extract(places.begin());
    if (!std::ranges::is_sorted(round.mapped())) std::ranges::sort(round.mapped());
    for (const std::uint32_t left : round.mapped()) {
      const std::size_t right = after[left];
      if (symbols[left] == kMergedAway || right >= size) continue;
      const Merge* merge = merge_of(symbols[left], symbols[right]);
      if (merge == nullptr || merge->rank != round.key()) continue;
      symbols[left] = merge->result;
      symbols[right] = kMergedAway;
      after[left] = after[right];
      if (after[left] < size) {
        before[after[left]] = left;
        add_pair(left, after[left]);
      }
      if (before[left] < size) add_pair(before[left], left);
    }
  }
  const auto merged_away = std::ranges::remove(symbols, kMergedAway);
  return size - merged_away.size();
}

void WordMerger::merge(std::string_view word, std::vector<std::int32_t>& ids) const {
  constexpr std::size_t kShort = 40;
  const std::size_t begin = ids.size();
  append_symbols(word, ids);
  const std::span<std::int32_t> symbols = std::span(ids).subspan(begin);
  ids.resize(begin + (symbols.size() <= kShort ? merge_short(symbols) : merge_long(symbols)));
  std::replace(ids.begin() + static_cast<std::ptrdiff_t>(begin), ids.end(), kNoToken, unknown_);
}

}  // namespace stemma::gpt1
