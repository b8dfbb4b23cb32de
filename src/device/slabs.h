// A bump allocator for memory that lives long and is read in order, as the weights of a model: its
// blocks lie one after the other in slabs on pages of 2 MiB. On its own, a block of 3 MiB has one
// such page and 256 of 4 KiB, and one of 1 MiB has none; reading them from DRAM is 10 to 15 %
// slower (docs/log.md, "Decode with bf16 weights"). Memory of which only parts are ever touched
// should lie on small pages: of large ones each touch takes 2 MiB.
//
//   Slabs slabs;
//   const Tensor packed = Tensor::empty({24, 768, 32}, DType::bf16, slabs);
//
// A slab is given back to the system when all its blocks are gone. For one thread; blocks may
// outlive the allocator.
#pragma once

#include "device/memory.h"

namespace stemma {

class Slabs final : public Allocator {
 public:
  enum class Pages { large, small };
  explicit Slabs(Pages pages = Pages::large) : pages_(pages) {}

  Storage* allocate(std::size_t bytes) override;  // throws out_of_memory
  void release(Storage* storage) noexcept override;

 private:
  Pages pages_;
  std::shared_ptr<const StorageRef> slab_;  // the newest
  std::size_t used_ = 0;                    // bytes of it
};

}  // namespace stemma
