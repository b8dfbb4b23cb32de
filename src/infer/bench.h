// How fast a model reads a prompt and writes tokens: the timed part of `stemma bench`, and the
// counts of operations and bytes that its shares are made of.
//
//   const std::vector<double> seconds = bench_decode(model, {.batch = 1, .context = 512, .steps =
//   16}); const double rate = decode_flop(model.config(), 1, 512) / median(seconds);
#pragma once

#include <cstdint>
#include <vector>

#include "infer/loaded_model.h"

namespace stemma::infer {

struct BenchSettings {
  std::int64_t batch = 1;    // sequences at once
  std::int64_t context = 0;  // tokens of a prompt (prefill), or in the cache (decode)
  std::int64_t steps = 8, warmup = 1;
};

// Seconds of each timed step on random ids; fewer when a signal came. A prefill step reads `batch`
// prompts from an empty cache and computes the logits after each one's last token; a decode step
// computes one greedy token for each of `batch` sequences after `context` tokens, and forgets it.
// Throw invalid_argument (a size < 1; a context that the model does not hold), out_of_memory.
std::vector<double> bench_prefill(const LoadedModel& model, const BenchSettings& settings);
std::vector<double> bench_decode(const LoadedModel& model, const BenchSettings& settings);

// Parameters of the blocks and the final norm: all but embeddings, positions and head.
std::int64_t block_parameters(const DecoderConfig& config);
// Model FLOP of one step. Per token 2 · block parameters + 4·L·C·context, and 2·V·C where the head
// runs: for each sequence's last token. In a prefill token t has a context of t + 1.
double prefill_flop(const DecoderConfig& config, std::int64_t batch, std::int64_t tokens);
double decode_flop(const DecoderConfig& config, std::int64_t batch, std::int64_t context);
// Bytes of weights (matrices in `storage`, the embedding of a tied head once, vectors in f32) and
// of cached keys and values that one decode step reads.
double decode_bytes(const LoadedModel& model, DType storage, const BenchSettings& settings);

}  // namespace stemma::infer
