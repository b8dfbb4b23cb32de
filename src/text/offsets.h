// Computes the range of bytes that each token covers in its text.
//
//   tokenizer->encode("Hello world", ids);
//   std::vector<ByteRange> ranges = byte_ranges(*tokenizer, ids);   // {0, 5}, {5, 11}
//
// Pure functions: any thread.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "text/tokenizer.h"

namespace stemma {

struct ByteRange {
  std::uint64_t begin = 0, end = 0;  // [begin, end)

  bool operator==(const ByteRange&) const = default;
};

// The range of each id in the text that the ids decode to, which is the text that gave them. A
// token may begin or end inside a character. Throws unsupported for a tokenizer whose texts do not
// keep their bytes (Tokenizer::keeps_bytes()), and as bytes_of().
std::vector<ByteRange> byte_ranges(const Tokenizer& tokenizer, std::span<const std::int32_t> ids);

}  // namespace stemma
