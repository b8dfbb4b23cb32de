// Where a trainer's batches come from: sequence number to tokens, a pure function.
#pragma once

#include <cstdint>
#include <memory>

#include "data/sampler.h"
#include "tensor/batch.h"

namespace stemma::train {

class BatchSource {
 public:
  virtual ~BatchSource() = default;
  // Tokens of the longest sequence it gives.
  virtual std::int64_t sequence_length() const = 0;
  // As data/sampler.h.
  virtual void fill(std::int64_t first, std::int64_t count, std::int64_t first_number,
                    Batch& batch) const = 0;
  virtual std::int64_t targets_in(std::int64_t first, std::int64_t count) const = 0;
};

// Batches of packed data.
class SampledBatches final : public BatchSource {
 public:
  explicit SampledBatches(Sampler sampler) : sampler_(std::move(sampler)) {}
  std::int64_t sequence_length() const override { return sampler_.options().sequence_length; }
  void fill(std::int64_t first, std::int64_t count, std::int64_t first_number,
            Batch& batch) const override {
    sampler_.fill(first, count, first_number, batch);
  }
  std::int64_t targets_in(std::int64_t first, std::int64_t count) const override {
    return sampler_.targets_in(first, count);
  }

 private:
  Sampler sampler_;
};

}  // namespace stemma::train
