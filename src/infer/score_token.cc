#include "infer/score_token.h"

#include <algorithm>
#include <cmath>

#include "kernels/token_weights.h"

namespace stemma::infer {
namespace {

// In one pass, with a short list that few tokens get into.
std::vector<TokenScore> likeliest_tokens(std::span<const float> logits, std::int64_t count) {
  std::vector<TokenScore> best;
  const auto most = static_cast<std::size_t>(std::min<std::int64_t>(count, std::ssize(logits)));
  if (most == 0) return best;
  const auto higher = [](const TokenScore& a, const TokenScore& b) {
    return a.log_probability > b.log_probability;
  };
  for (std::size_t i = 0; i < logits.size(); ++i) {
    const auto logit = static_cast<double>(logits[i]);
    if (best.size() == most && !(logit > best.back().log_probability)) continue;
    const TokenScore score{static_cast<std::int32_t>(i), logit};
    best.insert(std::ranges::upper_bound(best, score, higher), score);
    if (best.size() > most) best.pop_back();
  }
  return best;
}

}  // namespace

ScoredToken score_token(std::span<const float> logits, std::int32_t id, std::int64_t top) {
  const float highest = *std::max_element(logits.begin(), logits.end());
  std::vector<float> weights(logits.size());
  const double sum = kernels::token_weights(logits, highest, 1, weights);
  const double shift = static_cast<double>(highest) + std::log(sum);
  ScoredToken scored;
  scored.id = id;
  scored.log_probability = static_cast<double>(logits[static_cast<std::size_t>(id)]) - shift;
  scored.top = likeliest_tokens(logits, top);
  for (TokenScore& other : scored.top) other.log_probability -= shift;
  return scored;
}

}  // namespace stemma::infer
