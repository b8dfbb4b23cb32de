// Guesses that a text repeats itself: what followed the last few tokens where they stood before
// (prompt lookup decoding: Saxena 2023). It costs nothing and helps where an answer quotes its
// prompt: summaries, corrections, code.
#pragma once

#include "infer/drafter.h"

namespace stemma::infer {

class NgramDrafter final : public Drafter {
 public:
  void propose(std::span<Wanted> wanted) override;
  void close(std::int64_t) override {}
};

}  // namespace stemma::infer
