// Beam search: the continuation with the highest score among those that a few beams reach, instead
// of the likeliest token at each place.
//
//   const std::vector<BeamText> texts = beam_search(model, prompt, {.beams = 4});
//   texts.front().text;                                        // the best one
//
// A text's score is its log-probability divided by length^length_penalty (Wu et al. 2016, "Google's
// Neural Machine Translation System", section 7, without its coverage term), the token that ended
// it counted. As in transformers: texts that end among the best `beams` candidates are kept, the
// best of them `beams` in number, and the search ends when no beam can become better than the worst
// of them.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "infer/loaded_model.h"
#include "infer/request.h"

namespace stemma::infer {

struct BeamOptions {
  std::int64_t beams = 4;
  std::int64_t max_tokens = 128;
  double length_penalty = 1;    // above 0: longer texts are preferred, the more the larger it is
  bool early_stopping = false;  // end as soon as `beams` texts have ended
  std::vector<std::int32_t> end_tokens = {};  // besides the model's own
  bool ignore_end_of_text = false;            // and end_tokens
  Interrupt interrupt = {};                   // asked before each step: ends with what there is
};

struct BeamText {
  std::vector<std::int32_t> ids;  // of the continuation, an end token not among them
  std::string text;               // empty without a tokenizer
  double log_probability = 0;     // in nats, an end token counted
  double score = 0;
  FinishReason finish = FinishReason::length;
};

// The best `beams` texts, the best first. Throws invalid_argument: an empty prompt, one longer than
// the context, ids outside the vocabulary, impossible options; unsupported for a model that does
// not predict the next token; corrupt: scores that are not finite; out_of_memory.
std::vector<BeamText> beam_search(const LoadedModel& model, std::span<const std::int32_t> prompt,
                                  const BeamOptions& options);

}  // namespace stemma::infer
