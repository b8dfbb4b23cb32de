#include "infer/sequence_cache.h"

#include <algorithm>

namespace stemma::infer {

SequenceCache::SequenceCache(CachedPass& pass, bool share)
    : pass_(pass), adapters_(static_cast<std::size_t>(pass.slots())) {
  if (share) tree_ = std::make_unique<PrefixTree>(pass.cache().pool());
  for (std::int64_t slot = pass.slots(); slot-- > 0;) free_slots_.push_back(slot);
}

// Virtual tokens have keys and values too, the same in all sequences: ids that no token has.
std::vector<std::int32_t> SequenceCache::with_virtual(std::span<const std::int32_t> ids,
                                                      const Adapter& adapter) const {
  std::vector<std::int32_t> all(static_cast<std::size_t>(pass_.virtual_tokens(adapter.get())), -1);
  all.insert(all.end(), ids.begin(), ids.end());
  return all;
}

std::int64_t SequenceCache::known(std::span<const std::int32_t> ids, const Adapter& adapter) {
  if (!tree_) return 0;
  const std::int64_t found = tree_->find(with_virtual(ids, adapter), adapter).tokens;
  return std::max<std::int64_t>(found - pass_.virtual_tokens(adapter.get()), 0);
}

std::optional<SequenceCache::Place> SequenceCache::open(std::span<const std::int32_t> ids,
                                                        const Adapter& adapter,
                                                        const Beginning& beginning) {
  if (free_slots_.empty()) return std::nullopt;
  Place place{free_slots_.back(), 0};
  adapters_[static_cast<std::size_t>(place.slot)] = adapter;
  const std::int64_t virtual_tokens = pass_.virtual_tokens(adapter.get());
  if (tree_ && !beginning.anew) {
    // The logits after the last token are wanted: it is computed in any case.
    const std::int64_t held = std::min<std::int64_t>(beginning.tokens, std::ssize(ids) - 1);
    const auto all = with_virtual(ids, adapter);
    const PrefixTree::Match match = tree_->find(std::span(all).first(all.size() - 1), adapter);
    if (held > 0 && held + virtual_tokens > match.tokens) {
      const std::int64_t pages = pass_.cache().pool().pages_for(held + virtual_tokens);
      pass_.cache().begin(
          place.slot, pass_.cache().pages(beginning.slot).first(static_cast<std::size_t>(pages)),
          held + virtual_tokens);
      place.known = held;
    } else if (match.tokens > virtual_tokens) {
      pass_.cache().begin(place.slot, match.pages, match.tokens);
      place.known = match.tokens - virtual_tokens;
    }
  }
  const std::int64_t wanted =
      std::min<std::int64_t>(std::ssize(ids) + 1, pass_.slot_tokens(adapter.get()));
  bool has_room = reserve(place.slot, wanted);
  if (!has_room) pass_.truncate(place.slot, 0);
  // Nobody will give pages back: what keeps the room is the shared beginning itself, whose last
  // page would have to be copied.
  if (!has_room && std::ssize(free_slots_) == pass_.slots()) {
    place.known = 0;
    has_room = reserve(place.slot, wanted);
    if (!has_room) pass_.truncate(place.slot, 0);
  }
  if (!has_room) return std::nullopt;
  free_slots_.pop_back();
  return place;
}

bool SequenceCache::reserve(std::int64_t slot, std::int64_t tokens) {
  const std::int64_t all = tokens + pass_.virtual_tokens(adapter_of(slot).get());
  while (!pass_.cache().reserve(pass_.forward().stream(), slot, all))
    if (!tree_ || !tree_->evict()) return false;
  return true;
}

void SequenceCache::remember(std::int64_t slot, std::span<const std::int32_t> ids,
                             bool whole_pages) {
  if (!tree_) return;
  auto all = with_virtual(ids, adapter_of(slot));
  const auto keys = static_cast<std::size_t>(page_tokens());
  if (whole_pages) all.resize(all.size() / keys * keys);
  tree_->insert(all, pass_.cache().pages(slot), adapter_of(slot));
}

void SequenceCache::cut(std::int64_t slot, std::int64_t tokens) {
  pass_.cache().truncate(slot, tokens + pass_.virtual_tokens(adapter_of(slot).get()));
}

void SequenceCache::close(std::int64_t slot) {
  pass_.truncate(slot, 0);
  adapters_[static_cast<std::size_t>(slot)].reset();
  free_slots_.push_back(slot);
}

}  // namespace stemma::infer
