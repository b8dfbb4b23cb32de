// Who guesses what a sequence goes on with, so that one pass of the model checks several tokens at
// once (speculative decoding: Leviathan et al. 2023, Chen et al. 2023).
//
//   NgramDrafter drafter;
//   Drafter::Wanted wanted{.slot = 0, .ids = ids, .prompt = 12, .most = 4, .sampler = &sampler};
//   drafter.propose({&wanted, 1});      // wanted.draft: up to four ids
//
// A guess changes how fast a text is written and never the text: the engine takes a guessed token
// where its own sampler chooses the same one at that place, with the numbers drawn for that place.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "infer/token_sampler.h"

namespace stemma::infer {

class Drafter {
 public:
  virtual ~Drafter() = default;

  struct Wanted {
    std::int64_t slot = 0;              // the same one as long as a sequence is written
    std::span<const std::int32_t> ids;  // the text so far
    std::int64_t prompt = 0;            // how many of them are the prompt
    std::int64_t most = 0;              // tokens to guess, at most
    TokenSampler* sampler = nullptr;    // the sequence's own
    std::vector<std::int32_t> draft = {};
  };
  // Fills `draft` of each, with nothing where there is no guess. Throws out_of_memory.
  virtual void propose(std::span<Wanted> wanted) = 0;
  // The sequence in this slot has ended.
  virtual void close(std::int64_t slot) = 0;
};

}  // namespace stemma::infer
