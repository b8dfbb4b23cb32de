// Text from a model: prefill, then one token at a time from the key-value cache.
//
//   GenerateOptions options{.max_tokens = 50};
//   Generation out = generate(model, prompt_ids, options);
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/interrupt.h"
#include "infer/loaded_model.h"
#include "infer/token_sampler.h"

namespace stemma::infer {

enum class FinishReason {
  length,       // max_tokens reached
  stop,         // a stop string came
  end_of_text,  // the model ended the text, or its turn
  context,      // the context is full
  cancelled,    // on_text or the interrupt ended it
};
// "length", "stop", "eot", "context", "cancelled".
std::string_view to_string(FinishReason reason);

struct GenerateOptions {
  std::int64_t max_tokens = 128;
  SamplingOptions sampling;
  std::vector<std::string> stop;  // the text ends before the first of these
  // Ids that end the text as the model's end-of-text token does: of a chat, the end of a turn.
  std::vector<std::int32_t> end_tokens;
  bool ignore_end_of_text = false;  // and end_tokens
  // Gets the text piece by piece, whole UTF-8 characters, nothing that a stop string may still take
  // back. False ends the generation.
  std::function<bool(std::string_view)> on_text;
  Interrupt interrupt{};  // asked between two tokens
};

struct Generation {
  std::vector<std::int32_t> ids;  // of the continuation, an end-of-text token not among them
  std::string text;               // the continuation's; empty without a tokenizer
  FinishReason finish = FinishReason::length;
  double prefill_seconds = 0, decode_seconds = 0;
};

// Continues `prompt`. Throws invalid_argument: an empty prompt, one longer than the context, ids
// outside the vocabulary, impossible options; a stop string without a tokenizer.
Generation generate(const LoadedModel& model, std::span<const std::int32_t> prompt,
                    const GenerateOptions& options);

// The ids that a text prompt becomes; an empty text becomes the end-of-text token, which begins a
// new text. Throws invalid_argument where there is no such token.
std::vector<std::int32_t> prompt_ids(const LoadedModel& model, std::string_view text);

}  // namespace stemma::infer
