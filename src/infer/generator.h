// Text from a model: the engine (infer/engine.h) with one request.
//
//   GenerateOptions options{.max_tokens = 50};
//   Generation out = generate(model, prompt_ids, options);
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "infer/engine.h"
#include "infer/loaded_model.h"
#include "infer/request.h"

namespace stemma::infer {

// Continues `prompt`. Throws invalid_argument: an empty prompt, one longer than the context, ids
// outside the vocabulary, impossible options; not_found: a stop string without a tokenizer;
// corrupt: scores that are not finite; and what a listener throws. engine: how it is computed;
// slots and capacity are chosen here.
Generation generate(const LoadedModel& model, std::span<const std::int32_t> prompt,
                    const GenerateOptions& options, EngineOptions engine = {});

// The ids that a text prompt becomes; an empty text becomes the end-of-text token, which begins a
// new text. Special tokens in the text are text, but for those that `allow_special` names (all:
// each). Throws invalid_argument where there is no such token.
std::vector<std::int32_t> prompt_ids(const LoadedModel& model, std::string_view text,
                                     std::span<const std::string> allow_special = {});

}  // namespace stemma::infer
