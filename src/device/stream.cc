#include "device/stream.h"

#include <cstdlib>

#include <fmt/format.h>

#include "base/error.h"
#include "base/large_pages.h"

namespace stemma {

Stream::Stream(int threads) : workers_(threads), blocks_(static_cast<std::size_t>(threads) + 1) {}

void Stream::Free::operator()(std::byte* p) const { std::free(p); }

std::byte* Stream::grow(Block& block, std::size_t bytes) {
  if (block.bytes >= bytes) return block.data.get();
  block.data.reset();
  block.bytes = 0;
  block.data.reset(static_cast<std::byte*>(allocate_pages(bytes)));
  if (!block.data)
    throw Error(
        ErrorCode::out_of_memory,
        fmt::format("[stream] cannot allocate {} bytes of scratch memory: use fewer threads or "
                    "a smaller batch",
                    bytes));
  block.bytes = bytes;
  return block.data.get();
}

std::byte* Stream::scratch(int worker, std::size_t bytes) {
  return grow(blocks_[static_cast<std::size_t>(worker)], bytes);
}

std::byte* Stream::shared_scratch(std::size_t bytes) { return grow(blocks_.back(), bytes); }

std::size_t Stream::scratch_bytes() const {
  std::size_t sum = 0;
  for (const Block& block : blocks_) sum += block.bytes;
  return sum;
}

}  // namespace stemma
