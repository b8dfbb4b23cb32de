// What a tokenizer's files put around the ids of one text (`single`) or of two (`pair`): Hugging
// Face's post-processor, as a list of parts in their order.
//
//   Frame frame = bos_eos_frame(0, std::nullopt);      // <bos> A, and <bos> A <bos> B
//   framed(frame.single, ids, {}).ids;
//
// Plain data and pure functions. Private to text/; Tokenizer::frame() is what others call.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "text/tokenizer.h"

namespace stemma {

struct FramePart {
  enum class Kind { first, second, special } kind = Kind::special;
  std::vector<std::int32_t> ids;  // of Kind::special
  std::int32_t segment = 0;

  bool operator==(const FramePart&) const = default;
};
struct Frame {
  std::vector<FramePart> single, pair;

  bool operator==(const Frame&) const = default;
};

// A and A B; segment 1 for B.
Frame plain_frame();
// The same with a token before, behind or around each text, as transformers' add_bos_token and
// add_eos_token ask for it.
Frame bos_eos_frame(std::optional<std::int32_t> bos, std::optional<std::int32_t> eos);

// The parts with their texts in place.
Framed framed(const std::vector<FramePart>& parts, std::span<const std::int32_t> first,
              std::span<const std::int32_t> second);

}  // namespace stemma
