// Guesses with a smaller model of the same vocabulary, which writes a few tokens ahead. It draws
// with the numbers that the engine will draw with, so that both choose alike where they think
// alike.
#pragma once

#include <cstdint>
#include <vector>

#include "infer/cached_pass.h"
#include "infer/drafter.h"
#include "infer/loaded_model.h"

namespace stemma::infer {

class ModelDrafter final : public Drafter {
 public:
  // slots: of the engine. `draft` and `stream`, on whose workers it runs, must outlive it. Throws
  // unsupported where `draft` does not predict the next token, invalid_argument where its
  // vocabulary is not that of `model`, out_of_memory.
  ModelDrafter(const LoadedModel& draft, const LoadedModel& model, std::int64_t slots,
               std::int64_t capacity);

  void propose(std::span<Wanted> wanted) override;
  void close(std::int64_t slot) override;

 private:
  std::vector<std::int32_t>& seen(std::int64_t slot) {
    return seen_[static_cast<std::size_t>(slot)];
  }

  CachedPass pass_;
  std::int64_t capacity_;
  std::vector<std::vector<std::int32_t>> seen_;  // what the cache holds, of each slot
  std::vector<float> host_logits_;
};

}  // namespace stemma::infer
