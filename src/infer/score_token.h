// What a model says of one token: its log-probability, and the likeliest ones in its place.
//
//   const ScoredToken scored = score_token(logits, id, 5);
#pragma once

#include <cstdint>
#include <limits>
#include <span>
#include <vector>

namespace stemma::infer {

// log p(token | all before it) in nats, before penalties, temperature and choice.
struct TokenScore {
  std::int32_t id = 0;
  double log_probability = std::numeric_limits<double>::quiet_NaN();
};

struct ScoredToken : TokenScore {
  std::vector<TokenScore> top;  // likeliest first, the lowest id first of equals
};

// logits [V]; `id` in the vocabulary; top: how many of the likeliest (0: none). NaN where a logit
// is not finite. Any thread.
ScoredToken score_token(std::span<const float> logits, std::int32_t id, std::int64_t top = 0);

}  // namespace stemma::infer
