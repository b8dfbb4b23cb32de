#include "device/stream.h"

#include <cstdlib>

#include <fmt/format.h>
#include <sys/mman.h>

#include "base/error.h"

namespace stemma {

Stream::Stream(int threads) : workers_(threads), blocks_(static_cast<std::size_t>(threads) + 1) {}

void Stream::Free::operator()(std::byte* p) const { std::free(p); }

std::byte* Stream::grow(Block& block, std::size_t bytes) {
  if (block.bytes >= bytes) return block.data.get();
  // Packed operands are read at strides that need more small pages than a processor remembers.
  constexpr std::size_t kSmallPage = 4096, kLargePage = std::size_t{2} << 20;
  const std::size_t page = bytes >= kLargePage / 2 ? kLargePage : kSmallPage;
  const std::size_t size = (bytes + page - 1) / page * page;
  block.data.reset();
  block.bytes = 0;
  block.data.reset(static_cast<std::byte*>(std::aligned_alloc(page, size)));
  if (!block.data)
    throw Error(ErrorCode::out_of_memory,
                fmt::format("[stream] cannot allocate {} bytes of scratch memory", size));
  if (page == kLargePage) madvise(block.data.get(), size, MADV_HUGEPAGE);
  block.bytes = size;
  return block.data.get();
}

std::byte* Stream::scratch(int worker, std::size_t bytes) {
  return grow(blocks_[static_cast<std::size_t>(worker)], bytes);
}

std::byte* Stream::shared_scratch(std::size_t bytes) { return grow(blocks_.back(), bytes); }

}  // namespace stemma
