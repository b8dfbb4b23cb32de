// The options of `generate` that say how a text is written: sampling, length and end. Each is what
// the command line says, else the model's generation_config.json, else greedy choice.
#pragma once

#include <cstdint>

#include "base/json.h"
#include "base/options.h"
#include "infer/loaded_model.h"
#include "infer/request.h"

namespace stemma::cli {

struct WritingOptions {
  infer::GenerateOptions generate;
  std::int64_t seed = -1;  // negative: drawn
  bool ignore_generation_config = false;
  // The command line says neither how many tokens nor to leave the model's file out of account:
  // that may limit prompt and continuation together.
  bool within_max_length = false;
};

void declare(WritingOptions& writing, OptionSet& options);

// Checks what was given and settles stop strings and seed; before the model is opened, which may
// take long. Throws invalid_argument.
void settle(WritingOptions& writing);
// Takes from the model what was not given, and says what is sampled with. Throws unsupported where
// the model's file asks for what is not computed.
void take_defaults(WritingOptions& writing, const OptionSet& options,
                   const infer::LoadedModel& model);

// How a text was drawn; seed is null where nothing was.
void describe(const infer::SamplingOptions& sampling, Json& into);

}  // namespace stemma::cli
