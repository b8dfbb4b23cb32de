// How fast a model reads a prompt and writes tokens: the timed part of `stemma bench`, over the
// passes and the sampler that the engine runs on. What its shares are made of, the counts of FLOP
// and bytes, is in models/cost.h.
//
//   const std::vector<double> seconds = bench_decode(model, {.batch = 1, .context = 512, .steps =
//   16}); const double rate = ModelCost(model.config()).decode_flop(1, 512) / median(seconds);
#pragma once

#include <cstdint>
#include <vector>

#include "base/interrupt.h"
#include "infer/loaded_model.h"

namespace stemma::infer {

struct BenchSettings {
  std::int64_t batch = 1;    // sequences at once
  std::int64_t context = 0;  // tokens of a prompt (prefill), or in the cache (decode)
  std::int64_t steps = 8, warmup = 1;
  Interrupt interrupt = {};  // asked before each step
};

// Seconds of each timed step on random ids; fewer when interrupted. A prefill step reads `batch`
// prompts from an empty cache and computes the logits after each one's last token; a decode step
// computes one greedy token for each of `batch` sequences after `context` tokens, and forgets it.
// Of an encoder a prefill computes the states only, and decoding throws unsupported.
// Throw invalid_argument (a size < 1; a context that the model does not hold), out_of_memory.
std::vector<double> bench_prefill(const LoadedModel& model, const BenchSettings& settings);
std::vector<double> bench_decode(const LoadedModel& model, const BenchSettings& settings);

}  // namespace stemma::infer
