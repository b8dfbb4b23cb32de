// Memory of steps whose shapes never repeat, such as batches of texts of all lengths, where no plan
// fits twice (ops/arena.h): blocks that were released are given out again, so that after a few
// steps nothing comes from the system any more. A segregated free list with best fit: sizes are
// rounded up to one of four classes for each power of two, and where a class has no free block, one
// of up to 3/2 of the size serves. A pool that has to grow gives a free block that is a little
// smaller back first, so it holds about what its largest step needs, not a set of blocks for each
// size.
//
//   BlockPool pool;
//   Context ctx(stream, numerics, pool);
//
// Blocks must not outlive the pool. One thread at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <vector>

#include "device/memory.h"

namespace stemma::ops {

class BlockPool final : public Allocator {
 public:
  BlockPool() = default;
  BlockPool(const BlockPool&) = delete;
  BlockPool& operator=(const BlockPool&) = delete;

  // Throws out_of_memory.
  Storage* allocate(std::size_t bytes) override;
  void release(Storage* storage) noexcept override;

  // Blocks that came from the heap since the pool was made.
  std::int64_t heap_allocations() const { return heap_allocations_; }
  // Of all blocks, in use or free.
  std::size_t held_bytes() const { return held_bytes_; }

 private:
  // A free block of at least `size` and at most 3/2 of it; none: slots_.size().
  std::size_t take_free(std::size_t size);
  // Gives the largest free block that is smaller than `size`, but not than 2/3 of it, back.
  void trade_smaller(std::size_t size);

  // Storage first, so that the count and data are the handle's.
  struct Slot {
    Storage storage;
    StorageRef memory;
  };

  std::deque<Slot> slots_;
  // Free slots by the size of their blocks, the last released first: its memory is in the cache.
  std::map<std::size_t, std::vector<std::size_t>> free_;
  std::vector<std::size_t> vacant_;  // slots whose block was given back
  std::int64_t heap_allocations_ = 0;
  std::size_t held_bytes_ = 0;
};

}  // namespace stemma::ops
