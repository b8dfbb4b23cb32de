#include "text/offsets.h"

#include "base/error.h"

namespace stemma {

std::vector<ByteRange> byte_ranges(const Tokenizer& tokenizer, std::span<const std::int32_t> ids) {
  if (!tokenizer.keeps_bytes())
    throw Error(ErrorCode::unsupported,
                "[tokenizer] tokens have no place in their text here, since this tokenizer cleans "
                "text before it encodes it; take a byte-level one (gpt2, cl100k_base, ...)");
  std::vector<ByteRange> ranges;
  ranges.reserve(ids.size());
  std::uint64_t place = 0;
  for (const std::int32_t id : ids) {
    const std::uint64_t begin = place;
    place += tokenizer.bytes_of(id).size();
    ranges.push_back({begin, place});
  }
  return ranges;
}

}  // namespace stemma
