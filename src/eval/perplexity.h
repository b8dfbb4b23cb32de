// Measures how well a model predicts a text: perplexity, and bits per byte, which compares models
// with different tokenizers.
//
//   const Perplexity p = perplexity(model, text);
//   print(p.perplexity(), p.bits_per_byte());
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>
#include <vector>

#include "infer/loaded_model.h"

namespace stemma::eval {

struct Perplexity {
  double nll = 0;                // natural-log sum over the scored tokens
  std::int64_t tokens = 0;       // scored; the end-of-text token at the start is not among them
  std::int64_t bytes = 0;        // of the text
  double perplexity() const;     // exp(nll / tokens)
  double bits_per_byte() const;  // nll / ln 2 / bytes

  // Of two texts, each scored on its own.
  Perplexity& operator+=(const Perplexity& other);
};

struct PerplexityOptions {
  // The token before the first one; the model's begin-of-text token where not given.
  std::optional<std::int32_t> context_token;
  // T, tokens of a window; 0: the model's context.
  std::int64_t window = 0;
  // Called with (tokens scored, all tokens) after each window; false stops and throws nothing: the
  // result then covers what was scored.
  std::function<bool(std::int64_t, std::int64_t)> progress;
};

// The whole text is one stream s = context token, tokens…; windows of T inputs s[i..i+T−1] with
// targets s[i+1..i+T], stride T/2; each target is scored once, with the longest context a window
// gives it. Throws corrupt: an empty text; invalid_argument: no context token, one outside the
// vocabulary; unsupported: the model is an encoder.
Perplexity perplexity(const infer::LoadedModel& model, std::string_view text,
                      const PerplexityOptions& options = {});

}  // namespace stemma::eval
