#include "device/slabs.h"

#include <algorithm>

#include <sys/mman.h>

#include "base/large_pages.h"

namespace stemma {
namespace {

constexpr std::size_t kSlabBytes = std::size_t{64} << 20;  // what is not used costs addresses only
constexpr std::size_t kBlockAlignment = 64;

std::size_t rounded_up(std::size_t bytes, std::size_t unit) {
  return (bytes + unit - 1) / unit * unit;
}

}  // namespace

Storage* Slabs::allocate(std::size_t bytes) {
  // The heap says that so much cannot be had.
  if (bytes > (std::size_t{1} << 46)) return heap().allocate(bytes);
  const std::size_t size = rounded_up(bytes, kBlockAlignment);
  if (!slab_ || size > slab_->get()->bytes - used_) {
    const std::size_t slab = std::max(kSlabBytes, rounded_up(size, kLargePage));
    slab_ = std::make_shared<const StorageRef>(heap().allocate(slab));
    if (pages_ == Pages::small) madvise(slab_->get()->data, slab, MADV_NOHUGEPAGE);
    used_ = 0;
  }
  std::byte* const block = slab_->get()->data + used_;
  used_ += size;
  return borrow(block, bytes, slab_);
}

// Never called: borrow() gives out what it takes back itself.
void Slabs::release(Storage*) noexcept {}

}  // namespace stemma
