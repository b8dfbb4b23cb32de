// A batch made of rows of another one, for what puts tokens in (virtual_tokens.h) or leaves some
// out (read_rows.h). Private to nn/.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "tensor/batch.h"

namespace stemma::nn {

// Adds token `row` of `from` to `to`, with all that `from` says of a token. Offsets are the
// caller's.
inline void append_token(const Batch& from, std::size_t row, Batch& to) {
  to.ids.push_back(from.ids[row]);
  to.positions.push_back(from.positions[row]);
  if (!from.targets.empty()) to.targets.push_back(from.targets[row]);
  if (!from.segments.empty()) to.segments.push_back(from.segments[row]);
}

// What `from` says of its sequences, and what heads read of its tokens, each of which is now token
// place[token] of `to`.
inline void keep_sequences(const Batch& from, std::span<const std::int32_t> place, Batch& to) {
  to.numbers = from.numbers;
  to.labels = from.labels;
  to.adapters = from.adapters;
  to.heads = from.heads;
  for (HeadRows& head : to.heads)
    if (!head.of_sequences)
      for (std::int32_t& row : head.from) row = place[static_cast<std::size_t>(row)];
}

}  // namespace stemma::nn
