#include "ops/block_pool.h"

#include <bit>

namespace stemma::ops {
namespace {

constexpr std::size_t kSmallestBlock = 256;

// The next of 4 classes for each power of two: 4/4, 5/4, 6/4, 7/4 of it.
std::size_t block_size(std::size_t bytes) {
  if (bytes <= kSmallestBlock) return kSmallestBlock;
  const std::size_t quarter = std::bit_floor(bytes - 1) / 4;
  return (bytes + quarter - 1) / quarter * quarter;
}

}  // namespace

Storage* BlockPool::allocate(std::size_t bytes) {
  const std::size_t size = block_size(bytes);
  std::vector<std::size_t>& blocks = free_[size];
  std::size_t index = slots_.size();
  if (blocks.empty()) {
    StorageRef memory(heap().allocate(size));
    slots_.emplace_back();
    slots_.back().memory = std::move(memory);
    slots_.back().storage.allocator = this;
    slots_.back().storage.slot = static_cast<std::int64_t>(index);
    slots_.back().storage.data = slots_.back().memory.get()->data;
    ++heap_allocations_;
    held_bytes_ += size;
  } else {
    index = blocks.back();
    blocks.pop_back();
  }
  slots_[index].storage.bytes = bytes;
  return &slots_[index].storage;
}

void BlockPool::release(Storage* storage) noexcept {
  const auto index = static_cast<std::size_t>(storage->slot);
  free_[slots_[index].memory.get()->bytes].push_back(index);
}

}  // namespace stemma::ops
