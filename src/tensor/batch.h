// The tokens of one forward pass: the sequences of a batch laid end to end, without padding, so
// that no result depends on how long the other sequences are.
//
//   // "a b c" and "d e", training to predict the next token:
//   Batch batch{.ids = {1, 2, 3, 4, 5}, .positions = {0, 1, 2, 0, 1},
//               .targets = {2, 3, -1, 5, -1}, .offsets = {0, 3, 5}};
#pragma once

#include <cstdint>
#include <vector>

namespace stemma {

// N packed tokens of B sequences. Sequence b holds tokens [offsets[b], offsets[b+1]).
struct Batch {
  std::vector<std::int32_t> ids;        // [N] token ids
  std::vector<std::int32_t> positions;  // [N] position of each token in its sequence
  std::vector<std::int32_t> targets;    // [N] the id to predict, -1 for none; empty in inference
  std::vector<std::int64_t> offsets;    // [B+1] ascending, offsets[0] = 0
  // [B] the number of each sequence in its training step: a dropout counter, so that masks do not
  // depend on how a step is cut into micro-batches. Empty where there is no dropout.
  std::vector<std::int64_t> numbers;
  // [N] the segment of each token, a row of the table of segments; empty for models without one.
  std::vector<std::int32_t> segments;
  // [B] the class of each sequence that a head is to find, -1 for none; empty where there is none.
  std::vector<std::int32_t> labels;

  std::int64_t tokens() const { return static_cast<std::int64_t>(ids.size()); }
  std::int64_t sequences() const { return static_cast<std::int64_t>(offsets.size()) - 1; }
};

}  // namespace stemma
