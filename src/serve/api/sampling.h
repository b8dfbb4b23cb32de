// The fields of a request that say how text is written; the same in all routes that write.
#pragma once

#include <cstdint>
#include <string>

#include "infer/request.h"
#include "serve/api/fields.h"
#include "serve/model_host.h"

namespace stemma::serve {

// temperature, top_p, frequency_penalty, presence_penalty, logit_bias, seed and stop, as OpenAI has
// them, and top_k, min_p, repetition_penalty, stop_token_ids and ignore_eos, which others added.
// Where a field is absent, what the model's generation_config.json says, and then the API's default
// (temperature 1). Throws ApiError.
infer::GenerateOptions read_sampling(Fields& fields, const ModelHost& host);

// How many choices are asked for. Choice i draws with seed + i.
std::int64_t read_choices(Fields& fields);

// "stop" or "length".
std::string finish_word(infer::FinishReason reason);

}  // namespace stemma::serve
