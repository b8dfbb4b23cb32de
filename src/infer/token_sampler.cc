#include "infer/token_sampler.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include <fmt/format.h>

#include "base/error.h"
#include "base/philox.h"

namespace stemma::infer {
namespace {

void require(bool holds, const char* option, double value, const char* allowed) {
  if (!holds)
    throw Error(ErrorCode::invalid_argument,
                fmt::format("[generate] {} must be {}, got {}", option, allowed, value));
}

}  // namespace

void SamplingOptions::validate() const {
  require(temperature >= 0 && temperature <= 100, "temperature", temperature, "between 0 and 100");
  require(top_k >= 0, "top_k", static_cast<double>(top_k), "0 or more");
  require(top_p > 0 && top_p <= 1, "top_p", top_p, "above 0 and at most 1");
  require(repetition_penalty > 0 && repetition_penalty <= 100, "repetition_penalty",
          repetition_penalty, "above 0 and at most 100");
}

TokenSampler::TokenSampler(const SamplingOptions& options) : options_(options) {
  options.validate();
}

std::int32_t TokenSampler::next(std::span<const float> logits, std::span<const std::int32_t> ids) {
  // A token may be forbidden by minus infinity; nothing else that is not finite makes sense.
  const bool sound = std::all_of(logits.begin(), logits.end(), [](float score) {
    return score <= std::numeric_limits<float>::max();
  });
  const auto likeliest = std::max_element(logits.begin(), logits.end());
  if (!sound || !std::isfinite(*likeliest))
    throw Error(ErrorCode::corrupt,
                "[generate] the model's scores are not finite: its weights are damaged");
  if (options_.temperature == 0 && options_.repetition_penalty == 1)
    return static_cast<std::int32_t>(likeliest - logits.begin());
  scores_.assign(logits.begin(), logits.end());
  if (options_.repetition_penalty != 1) {
    const auto penalty = static_cast<float>(options_.repetition_penalty);
    for (const std::int32_t id : ids) {
      const float logit = logits[static_cast<std::size_t>(id)];  // once, however often it was seen
      scores_[static_cast<std::size_t>(id)] = logit > 0 ? logit / penalty : logit * penalty;
    }
  }
  if (options_.temperature == 0)
    return static_cast<std::int32_t>(std::max_element(scores_.begin(), scores_.end()) -
                                     scores_.begin());
  keep_likeliest();
  return draw(static_cast<std::int64_t>(ids.size()));
}

void TokenSampler::keep_likeliest() {
  const double highest = *std::max_element(scores_.begin(), scores_.end());
  candidates_.resize(scores_.size());
  for (std::size_t i = 0; i < scores_.size(); ++i)
    candidates_[i] = {std::exp((scores_[i] - highest) / options_.temperature),
                      static_cast<std::int32_t>(i)};
  const auto likelier = [](const auto& a, const auto& b) {
    return a.first != b.first ? a.first > b.first : a.second < b.second;
  };
  std::size_t kept = candidates_.size();
  if (options_.top_k > 0) kept = std::min(kept, static_cast<std::size_t>(options_.top_k));
  std::partial_sort(candidates_.begin(), candidates_.begin() + static_cast<std::ptrdiff_t>(kept),
                    candidates_.end(), likelier);
  candidates_.resize(kept);
  if (options_.top_p >= 1) return;
  double total = 0, sum = 0;
  for (const auto& c : candidates_) total += c.first;
  for (std::size_t i = 0; i < candidates_.size(); ++i) {
    sum += candidates_[i].first;
    if (sum < options_.top_p * total) continue;
    candidates_.resize(i + 1);
    return;
  }
}

std::int32_t TokenSampler::draw(std::int64_t position) {
  const auto bits =
      philox(philox_key(options_.seed), {static_cast<std::uint32_t>(position), 0, 0, 0});
  const double u = (bits[0] * 0x1p-32) + (bits[1] * 0x1p-64);
  double total = 0;
  for (const auto& c : candidates_) total += c.first;
  double left = u * total;
  for (const auto& c : candidates_) {
    left -= c.first;
    if (left < 0) return c.second;
  }
  return candidates_.back().second;
}

}  // namespace stemma::infer
