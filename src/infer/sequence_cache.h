// Places in a key-value cache for the sequences of an engine: slots, their pages, and the
// beginnings that earlier sequences left behind (prefix_tree.h).
//
//   SequenceCache cache(pass, true);
//   if (const auto place = cache.open(ids, {}, {})) {  // ids[place->known:] are to be computed
//     pass.run(...);
//     cache.remember(place->slot, ids);             // others may begin like this one
//     cache.close(place->slot);
//   }
//
// Where pages are short, beginnings that nobody uses are given up, the one that was not asked for
// longest first. One thread.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "infer/cached_pass.h"
#include "infer/prefix_tree.h"

namespace stemma::infer {

class SequenceCache {
 public:
  // `pass` must outlive this. share: whether sequences may begin with pages of others.
  SequenceCache(CachedPass& pass, bool share);

  struct Place {
    std::int64_t slot = 0;
    std::int64_t known = 0;  // tokens from the first on that are computed already; not all of them
  };
  using Adapter = std::shared_ptr<const nn::Adapter>;  // null: the pass's own
  // What another slot holds of a text, whose sequence has the same adapter.
  struct Beginning {
    std::int64_t slot = -1, tokens = 0;
    bool is_coming = false;  // another one will soon hold more of it
    bool anew = false;       // nothing is to be known
  };
  // A slot with room for these ids and one more; nothing where slots or pages are short. It begins
  // with the longer of `beginning` and what earlier sequences left behind.
  std::optional<Place> open(std::span<const std::int32_t> ids, const Adapter& adapter,
                            const Beginning& beginning);
  // Whether the slot has, or gets, room for `tokens` tokens in all.
  bool reserve(std::int64_t slot, std::int64_t tokens);
  // The slot's pages hold the keys and values of `ids`. whole_pages: of full pages only, to which
  // nothing is added any more; otherwise the sequence must not go on.
  void remember(std::int64_t slot, std::span<const std::int32_t> ids, bool whole_pages);
  // Forgets what stands behind the first `tokens` tokens of the slot.
  void cut(std::int64_t slot, std::int64_t tokens);
  void close(std::int64_t slot);

  // How many tokens of `ids` open() would find.
  std::int64_t known(std::span<const std::int32_t> ids, const Adapter& adapter);
  std::int64_t page_tokens() const { return pass_.cache().pool().page_keys(); }
  bool shares() const { return tree_ != nullptr; }

 private:
  std::vector<std::int32_t> with_virtual(std::span<const std::int32_t> ids,
                                         const Adapter& adapter) const;
  const Adapter& adapter_of(std::int64_t slot) const {
    return adapters_[static_cast<std::size_t>(slot)];
  }

  CachedPass& pass_;
  std::unique_ptr<PrefixTree> tree_;  // null: beginnings are not shared
  std::vector<Adapter> adapters_;     // of the slots
  std::vector<std::int64_t> free_slots_;
};

}  // namespace stemma::infer
