// Where training batches come from: sequence numbers to a Batch, a pure function. So the whole
// state of a run is the number of its next sequence, and a step may be cut into micro-batches
// anywhere.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "data/sampler.h"
#include "tensor/batch.h"

namespace stemma::train {

// What some sequences hold for one head of a task.
struct HeadCounts {
  std::int64_t examples = 0, answers = 0;
};

// What some sequences hold: the numbers that means over them divide by.
struct Counts {
  std::int64_t tokens = 0;   // that the model reads
  std::int64_t targets = 0;  // tokens to predict: entries of Batch.targets that are no -1
  std::int64_t labels = 0;   // sequences to classify: entries of Batch.labels that are no -1
  std::vector<HeadCounts> heads = {};  // for each of Batch.heads
};

class BatchSource {
 public:
  virtual ~BatchSource() = default;
  // Tokens of the longest sequence it gives.
  virtual std::int64_t sequence_length() const = 0;
  // As data/sampler.h.
  virtual void fill(std::int64_t first, std::int64_t count, std::int64_t first_number,
                    Batch& batch) const = 0;
  // What those sequences hold, without making them: known before a step begins.
  virtual Counts counts(std::int64_t first, std::int64_t count) const = 0;
};

// Batches of packed data, for the next token.
class SampledBatches final : public BatchSource {
 public:
  explicit SampledBatches(Sampler sampler) : sampler_(std::move(sampler)) {}
  std::int64_t sequence_length() const override { return sampler_.options().sequence_length; }
  void fill(std::int64_t first, std::int64_t count, std::int64_t first_number,
            Batch& batch) const override {
    sampler_.fill(first, count, first_number, batch);
  }
  Counts counts(std::int64_t first, std::int64_t count) const override {
    const std::int64_t targets = sampler_.targets_in(first, count);
    return {.tokens = targets, .targets = targets};
  }

 private:
  Sampler sampler_;
};

}  // namespace stemma::train
