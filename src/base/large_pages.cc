#include "base/large_pages.h"

#include <sys/mman.h>

namespace stemma {

void* allocate_pages(std::size_t bytes) noexcept {
  constexpr std::size_t kCacheLine = 64, kSmallPage = 4096;
  const std::size_t unit = bytes >= kLargePage / 2 ? kLargePage
                           : bytes >= kSmallPage   ? kSmallPage
                                                   : kCacheLine;
  const std::size_t size = (bytes + unit - 1) / unit * unit;
  void* memory = std::aligned_alloc(unit, size);
  if (memory != nullptr && unit == kLargePage) madvise(memory, size, MADV_HUGEPAGE);
  return memory;
}

}  // namespace stemma
