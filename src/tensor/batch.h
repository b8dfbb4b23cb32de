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

// What the head of a task reads of a batch and what it is to find: M vectors, each a weighted sum
// of states, and targets for their scores [M, K]. The scores lie in groups, one an answer: the K
// classes of a text, the scores of the candidates of a choice, the K tags of a word.
struct HeadRows {
  // Term j adds weight[j] · state[from[j]] to vector to[j]. `from` counts tokens of the batch or,
  // for a head behind the pooler, sequences.
  std::vector<std::int32_t> to, from;
  std::vector<float> weight;
  bool of_sequences = false;          // `from` counts sequences
  std::int64_t rows = 0;              // M
  std::vector<std::int64_t> groups;   // [answers + 1] ascending, groups[0] = 0, over M · K scores
  std::vector<float> wanted;          // [M · K]; empty in prediction
  std::vector<float> answer_weights;  // [answers], or empty: all 1
  // Counters of dropout, as numbers and positions of a batch: vectors of one example follow each
  // other.
  std::vector<std::int64_t> numbers, offsets;
  std::vector<std::int32_t> positions;

  bool operator==(const HeadRows&) const = default;
};

// N packed tokens of B sequences. Sequence b holds tokens [offsets[b], offsets[b+1]).
struct Batch {
  std::vector<std::int32_t> ids;        // [N] token ids; of a prompt's row i: -1 - i
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
  // [B] which of the pass's adapters each sequence has, -1 for none; empty: the first one.
  std::vector<std::int32_t> adapters;
  // For each head of a task that the model has (ModelConfig::task_heads); empty elsewhere.
  std::vector<HeadRows> heads;

  std::int64_t tokens() const { return static_cast<std::int64_t>(ids.size()); }
  std::int64_t sequences() const { return static_cast<std::int64_t>(offsets.size()) - 1; }
};

}  // namespace stemma
