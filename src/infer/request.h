// What is asked of a model, and what comes back: the engine's two ends (infer/engine.h).
#pragma once

#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/interrupt.h"
#include "infer/score_token.h"
#include "infer/token_sampler.h"
#include "nn/adapter.h"
#include "text/grammar/mask_cache.h"

namespace stemma::infer {

enum class FinishReason {
  length,       // max_tokens reached, or all targets scored
  stop,         // a stop string came
  end_of_text,  // the model ended the text, or its turn
  context,      // the context is full
  cancelled,    // a listener or the interrupt ended it
  failed,       // an error of this request alone: Generation::error
};
// "length", "stop", "eot", "context", "cancelled", "failed".
std::string_view to_string(FinishReason reason);

struct GenerateOptions {
  std::int64_t max_tokens = 128;
  SamplingOptions sampling = {};
  std::vector<std::string> stop = {};  // the text ends before the first of these
  // Ids that end the text as the model's end-of-text token does: of a chat, the end of a turn.
  std::vector<std::int32_t> end_tokens = {};
  bool ignore_end_of_text = false;  // and end_tokens
  // What the text may be; null: anything. Its table of tokens has the end tokens of this request.
  std::shared_ptr<const grammar::MaskCache> constraint = {};
  // Ids without a token may be chosen (they pad a vocabulary to a round size); they have no text.
  bool unused_ids = false;
  // Keeps the log-probabilities of what is generated, and with each the likeliest `top_tokens`.
  bool log_probabilities = false;
  std::int64_t top_tokens = 0;
  // Keeps those of the prompt too, which is then computed whole.
  bool prompt_scores = false;
  // Gets the text piece by piece, whole UTF-8 characters, nothing that a stop string may still take
  // back. False ends the generation. Neither it nor on_token may call the engine.
  std::function<bool(std::string_view)> on_text = {};
  // Gets each token of the continuation, before its text. False ends the generation.
  std::function<bool(const ScoredToken&)> on_token = {};
  // Asked before each step: ends the generation with what there is.
  Interrupt interrupt = {};
};

struct Request {
  std::vector<std::int32_t> prompt = {};
  GenerateOptions options = {};
  // Not empty: nothing is generated; these tokens are scored as the prompt's continuation.
  std::vector<std::int32_t> targets = {};
  // Of the model, beside its weights; null: the one that the engine was made with, or none.
  std::shared_ptr<const nn::Adapter> adapter = {};
};

struct Generation {
  std::vector<std::int32_t> ids;  // of the continuation, an end-of-text token not among them
  std::string text;               // the continuation's; empty without a tokenizer
  FinishReason finish = FinishReason::length;
  // In nats, of `ids` where the request wants them, or of its targets.
  std::vector<double> log_probabilities;
  std::vector<std::vector<TokenScore>> top;  // of `ids`, where the request wants them
  // The token that ended the text, where it was end_of_text and the request wants
  // log-probabilities.
  std::optional<ScoredToken> end;
  // Of the prompt, where the request wants prompt_scores; the first token has none.
  std::vector<ScoredToken> prompt;
  std::exception_ptr error;                // why it failed
  std::int64_t known_tokens = 0;           // of the prompt: an earlier request had computed them
  std::int64_t drafted = 0, accepted = 0;  // tokens that were guessed ahead; that were right
  // From submit() to the first pass, from there to the first logits, and from there to the end.
  double queue_seconds = 0, prefill_seconds = 0, decode_seconds = 0;
};

}  // namespace stemma::infer
