// What a model's generation_config.json says of how its texts are drawn, as options of a request.
//
//   GenerateOptions options = generation_defaults(model);   // temperature 0.6, top_p 0.95
//
// A model whose files do not ask for sampling gets greedy choice. The ids that end its texts are
// the engine's matter (LoadedModel::end_tokens()).
#pragma once

#include "infer/loaded_model.h"
#include "infer/request.h"

namespace stemma::infer {

// Throws unsupported where the file asks for what is not computed here, naming the keys.
GenerateOptions generation_defaults(const LoadedModel& model);

// How many tokens may follow a prompt of so many, where the file limits both together (max_length);
// otherwise `max_tokens`. Throws invalid_argument where the prompt alone is as long.
std::int64_t tokens_within_max_length(const LoadedModel& model, std::int64_t prompt_tokens,
                                      std::int64_t max_tokens);

}  // namespace stemma::infer
