// A hash table from a pair of token ids to a small value: the encoder's merge ranks and the
// trainer's pair counts.
//
//   PairMap<std::int64_t> counts;
//   counts[pair_key(left, right)] += 1;
//   counts.find(pair_key(left, right));      // null where the pair is absent
//
// Open addressing with linear probing; the number of slots is a power of two and at most half of
// them are used. Pairs cannot be removed. It is faster than std::unordered_map here because a
// lookup touches one or two neighbouring slots and no list node.
//
// Several threads may read a table at once; a writer needs it alone. A reference stays valid until
// the next insertion.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>

#include "base/large_pages.h"

namespace stemma::lookup {

// Both ids in one number, which sorts like (left, right). Ids are ≥ 0.
inline std::uint64_t pair_key(std::int32_t left, std::int32_t right) {
  return std::uint64_t{static_cast<std::uint32_t>(left)} << 32 | static_cast<std::uint32_t>(right);
}

template <class Value>
class PairMap {
 public:
  PairMap() : slots_(16) {}

  // Makes room for `count` pairs in all.
  void reserve(std::size_t count) {
    while (slots_.size() < 2 * count) grow();
  }

  // Null where the key is absent.
  const Value* find(std::uint64_t key) const {
    const Slot& slot = slots_[index_of(key)];
    return slot.key == key ? &slot.value : nullptr;
  }
  Value* find(std::uint64_t key) { return const_cast<Value*>(std::as_const(*this).find(key)); }

  // Inserts Value{} where the key is absent.
  Value& operator[](std::uint64_t key) {
    std::size_t index = index_of(key);
    if (slots_[index].key == kEmpty) {
      if (2 * (size_ + 1) > slots_.size()) {
        grow();
        index = index_of(key);
      }
      slots_[index].key = key;
      ++size_;
    }
    return slots_[index].value;
  }

 private:
  static constexpr std::uint64_t kEmpty = ~std::uint64_t{0};  // no pair: ids are ≥ 0

  struct Slot {
    std::uint64_t key = kEmpty;
    Value value{};
  };

  // The slot that has the key, or the free slot where it belongs.
  std::size_t index_of(std::uint64_t key) const {
    std::uint64_t hash = key * 0x9E3779B97F4A7C15u;
    hash ^= hash >> 32;
    const std::size_t mask = slots_.size() - 1;
    std::size_t index = hash & mask;
    while (slots_[index].key != key && slots_[index].key != kEmpty) index = (index + 1) & mask;
    return index;
  }

  void grow() {
    auto old = std::exchange(slots_, LargeVector<Slot>(2 * slots_.size()));
    for (Slot& slot : old)
      if (slot.key != kEmpty) slots_[index_of(slot.key)] = std::move(slot);
  }

  LargeVector<Slot> slots_;  // a power of two, at most half full
  std::size_t size_ = 0;
};

}  // namespace stemma::lookup
