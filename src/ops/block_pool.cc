#include "ops/block_pool.h"

#include <algorithm>
#include <bit>
#include <utility>

namespace stemma::ops {
namespace {

constexpr std::size_t kSmallestBlock = 256;

// The next of 4 classes for each power of two: 4/4, 5/4, 6/4, 7/4 of it.
std::size_t block_size(std::size_t bytes) {
  if (bytes <= kSmallestBlock) return kSmallestBlock;
  const std::size_t quarter = std::max(std::bit_floor(bytes - 1), kSmallestBlock) / 4;
  return (bytes + quarter - 1) / quarter * quarter;
}

// The largest block that is given out for a size: batches of the same number of texts differ by
// less.
std::size_t most_for(std::size_t size) { return size + size / 2; }

}  // namespace

std::size_t BlockPool::take_free(std::size_t size) {
  for (auto it = free_.lower_bound(size); it != free_.end() && it->first <= most_for(size); ++it) {
    if (it->second.empty()) continue;
    const std::size_t index = it->second.back();
    it->second.pop_back();
    return index;
  }
  return slots_.size();
}

void BlockPool::trade_smaller(std::size_t size) {
  for (auto it = free_.lower_bound(size); it != free_.begin();) {
    --it;
    if (most_for(it->first) < size) return;
    if (it->second.empty()) continue;
    vacant_.push_back(it->second.back());
    it->second.pop_back();
    slots_[vacant_.back()].memory = {};
    held_bytes_ -= it->first;
    return;
  }
}

Storage* BlockPool::allocate(std::size_t bytes) {
  const std::size_t size = block_size(bytes);
  std::size_t index = take_free(size);
  if (index == slots_.size()) {
    trade_smaller(size);
    StorageRef memory(heap().allocate(size));
    if (vacant_.empty()) {
      slots_.emplace_back();
    } else {
      index = vacant_.back();
      vacant_.pop_back();
    }
    Slot& slot = slots_[index];
    slot.memory = std::move(memory);
    slot.storage.allocator = this;
    slot.storage.slot = static_cast<std::int64_t>(index);
    slot.storage.data = slot.memory.get()->data;
    ++heap_allocations_;
    held_bytes_ += size;
  }
  slots_[index].storage.bytes = bytes;
  return &slots_[index].storage;
}

void BlockPool::release(Storage* storage) noexcept {
  const auto index = static_cast<std::size_t>(storage->slot);
  free_[slots_[index].memory.get()->bytes].push_back(index);
}

}  // namespace stemma::ops
