// Whether two models compute the same: what every conversion is checked with before it is believed.
//
//   const Equivalence same = compare_models(original, converted, probe_ids(original));
//   if (same.max_abs_difference > 1e-3) ...
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "infer/loaded_model.h"

namespace stemma::eval {

struct Equivalence {
  // Of the logits [T, V]; of a model without a token head: of the hidden states [T, C].
  double max_abs_difference = 0;
  bool of_logits = true;
  // Only where there are logits: the share of positions with the same best token, and how much the
  // perplexity of the probe differs: perplexity(second) / perplexity(first) − 1.
  double top1_agreement = 1;
  double perplexity_change = 0;
};

// One pass of each model over the same ids. Throws invalid_argument where the two do not have the
// same vocabulary and width, corrupt where a model gives values that are not finite.
Equivalence compare_models(const infer::LoadedModel& first, const infer::LoadedModel& second,
                           std::span<const std::int32_t> ids);

// Ids to compare with: the start of an English text where the model has a tokenizer, otherwise ids
// drawn from the whole vocabulary; at most 256, and at most the context.
std::vector<std::int32_t> probe_ids(const infer::LoadedModel& model);

}  // namespace stemma::eval
