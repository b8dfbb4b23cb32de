// A request that an engine works on: what is known of its text, and where it lies in the cache.
// Private to the engine.
#pragma once

#include <chrono>
#include <cstdint>
#include <exception>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "base/error.h"
#include "infer/engine.h"
#include "infer/text_out.h"
#include "text/grammar/matcher.h"

namespace stemma::infer {

struct Engine::Sequence {
  Sequence(std::int64_t n, Request r, const Tokenizer* tokenizer,
           std::span<const std::int32_t> unused)
      : number(n),
        request(std::move(r)),
        text(tokenizer, request.options),
        sampler(request.options.sampling,
                request.options.unused_ids ? std::span<const std::int32_t>() : unused),
        ids(request.prompt) {
    if (request.options.constraint) matcher.emplace(request.options.constraint);
  }

  std::int64_t prompt() const { return static_cast<std::int64_t>(request.prompt.size()); }
  // Whether the pass over its prompt is to give the scores of its tokens.
  bool scores_prompt() const { return request.options.prompt_scores && !answered; }
  std::int64_t length() const { return static_cast<std::int64_t>(ids.size()); }

  std::int64_t number;
  Request request;
  TextOut text;
  TokenSampler sampler;
  std::optional<grammar::Matcher> matcher;  // of a text that may not be anything
  std::vector<std::uint32_t> allowed;       // a bit for each token
  std::vector<std::int32_t> ids;            // the prompt and what was generated
  std::int64_t slot = -1;
  std::int64_t fed = 0;   // how many of `ids` the cache holds
  bool answered = false;  // logits came: it writes
  bool finished = false;
  std::vector<std::int32_t> draft;  // guessed: in a pass they stand behind `ids`
  std::int64_t draft_length = 4;    // how many are guessed next
  std::vector<ScoredToken> chosen;  // by the pass: one, and one for each guess that was right
  std::chrono::steady_clock::time_point submitted = std::chrono::steady_clock::now(), started{};
  Generation result;
};

// Runs `work`; what it throws is kept in `error`.
template <class Work>
void guarded(std::exception_ptr& error, const Work& work) {
  try {
    work();
  } catch (...) {
    error = std::current_exception();
  }
}

// Throws corrupt.
[[noreturn]] inline void throw_not_finite() {
  throw Error(ErrorCode::corrupt,
              "[score] the model's scores are not finite: its weights are damaged");
}

}  // namespace stemma::infer
