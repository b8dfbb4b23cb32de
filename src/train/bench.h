// How fast a model trains: whole steps of the real Trainer on random ids, timed for `stemma bench`.
//
//   BenchSettings settings{.batch = 4, .sequence_length = 1024};
//   const std::vector<double> seconds = bench_steps(config, settings, weights, stream).seconds;
//   const double flop = 4 * 1024 * ModelCost(config).training_flop_per_token(1024);  // of one step
#pragma once

#include <cstdint>
#include <vector>

#include "base/interrupt.h"
#include "device/stream.h"
#include "models/config.h"
#include "nn/weight_source.h"
#include "ops/context.h"
#include "ops/tape.h"

namespace stemma::train {

struct BenchSettings {
  std::int64_t batch = 1;            // sequences a step
  std::int64_t micro_batch = 0;      // sequences at a time; 0: all of them
  std::int64_t sequence_length = 0;  // tokens
  std::int64_t steps = 5;            // timed
  std::int64_t warmup = 2;           // the first step plans the memory, the second takes it
  ops::Numerics numerics;
  ops::Recompute recompute = ops::Recompute::none;
  Interrupt interrupt{};  // asked between micro-batches
};

struct BenchResult {
  std::vector<double> seconds;  // of each timed step: forward, backward, clipping, AdamW
  std::vector<ops::TapeReportLine> memory;  // what the tape keeps for the backward pass
};

// Fewer steps when the interrupt asks for it. Throws invalid_argument (a size < 1; more tokens than
// the context), out_of_memory.
BenchResult bench_steps(const ModelConfig& config, const BenchSettings& settings,
                        nn::WeightSource& weights, Stream& stream);

}  // namespace stemma::train
