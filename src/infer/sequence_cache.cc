#include "infer/sequence_cache.h"

#include <algorithm>

namespace stemma::infer {

SequenceCache::SequenceCache(CachedPass& pass, bool share) : pass_(pass) {
  if (share) tree_ = std::make_unique<PrefixTree>(pass.cache().pool());
  for (std::int64_t slot = pass.slots(); slot-- > 0;) free_slots_.push_back(slot);
}

// Virtual tokens have keys and values too, the same in all sequences: ids that no token has.
std::vector<std::int32_t> SequenceCache::with_virtual(std::span<const std::int32_t> ids) const {
  std::vector<std::int32_t> all(static_cast<std::size_t>(pass_.virtual_tokens()), -1);
  all.insert(all.end(), ids.begin(), ids.end());
  return all;
}

std::int64_t SequenceCache::known(std::span<const std::int32_t> ids) {
  return tree_ ? std::max<std::int64_t>(
                     tree_->find(with_virtual(ids)).tokens - pass_.virtual_tokens(), 0)
               : 0;
}

std::optional<SequenceCache::Place> SequenceCache::open(std::span<const std::int32_t> ids,
                                                        bool anew) {
  if (free_slots_.empty()) return std::nullopt;
  Place place{free_slots_.back(), 0};
  if (tree_ && !anew) {
    // The logits after the last token are wanted: it is computed in any case.
    const auto all = with_virtual(ids);
    const PrefixTree::Match match = tree_->find(std::span(all).first(all.size() - 1));
    if (match.tokens > pass_.virtual_tokens()) {
      pass_.cache().begin(place.slot, match.pages, match.tokens);
      place.known = match.tokens - pass_.virtual_tokens();
    }
  }
  const std::int64_t most = pass_.cache().capacity() - pass_.virtual_tokens();
  if (!reserve(place.slot, std::min<std::int64_t>(std::ssize(ids) + 1, most))) {
    pass_.truncate(place.slot, 0);
    return std::nullopt;
  }
  free_slots_.pop_back();
  return place;
}

bool SequenceCache::reserve(std::int64_t slot, std::int64_t tokens) {
  while (!pass_.cache().reserve(pass_.forward().stream(), slot, tokens + pass_.virtual_tokens()))
    if (!tree_ || !tree_->evict()) return false;
  return true;
}

void SequenceCache::remember(std::int64_t slot, std::span<const std::int32_t> ids,
                             bool whole_pages) {
  if (!tree_) return;
  auto all = with_virtual(ids);
  const auto keys = static_cast<std::size_t>(page_tokens());
  if (whole_pages) all.resize(all.size() / keys * keys);
  tree_->insert(all, pass_.cache().pages(slot));
}

void SequenceCache::close(std::int64_t slot) {
  pass_.truncate(slot, 0);
  free_slots_.push_back(slot);
}

}  // namespace stemma::infer
