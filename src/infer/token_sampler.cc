#include "infer/token_sampler.h"

#include <algorithm>
#include <array>
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

// The likeliest token, the first of equals; -1 where a score is not finite. A token may be
// forbidden by minus infinity.
std::ptrdiff_t find_likeliest(std::span<const float> scores) {
  constexpr float kLargest = std::numeric_limits<float>::max();
  constexpr std::size_t kBlock = 1024, kLanes = 16;  // independent maxima, which vectors hold
  float best = -std::numeric_limits<float>::infinity();
  std::size_t best_block = 0;
  bool sound = true;
  for (std::size_t begin = 0; begin < scores.size(); begin += kBlock) {
    const std::size_t end = std::min(begin + kBlock, scores.size());
    std::array<float, kLanes> highest;
    std::array<std::int32_t, kLanes> unsound = {};
    highest.fill(best);
    std::size_t i = begin;
    const auto see = [&](std::size_t lane, float score) {
      highest[lane] = score > highest[lane] ? score : highest[lane];
      unsound[lane] |= !(score <= kLargest);
    };
    for (; i + kLanes <= end; i += kLanes)
      for (std::size_t lane = 0; lane < kLanes; ++lane) see(lane, scores[i + lane]);
    for (; i < end; ++i) see(0, scores[i]);
    for (const std::int32_t lane : unsound) sound = sound && lane == 0;
    const float top = *std::max_element(highest.begin(), highest.end());
    if (top > best) best = top, best_block = begin;
  }
  if (!sound || !std::isfinite(best)) return -1;
  const auto from = scores.begin() + static_cast<std::ptrdiff_t>(best_block);
  return std::find(from, scores.end(), best) - scores.begin();
}

}  // namespace

void SamplingOptions::validate() const {
  require(temperature >= 0 && temperature <= 100, "temperature", temperature, "between 0 and 100");
  require(top_k >= 0, "top_k", static_cast<double>(top_k), "0 or more");
  require(top_p > 0 && top_p <= 1, "top_p", top_p, "above 0 and at most 1");
  require(min_p >= 0 && min_p <= 1, "min_p", min_p, "between 0 and 1");
  require(repetition_penalty > 0 && repetition_penalty <= 100, "repetition_penalty",
          repetition_penalty, "above 0 and at most 100");
}

TokenSampler::TokenSampler(const SamplingOptions& options, std::span<const std::int32_t> forbidden)
    : options_(options), forbidden_(forbidden) {
  options.validate();
}

std::int32_t TokenSampler::next(std::span<const float> logits, std::span<const std::int32_t> ids) {
  if (!forbidden_.empty()) {
    allowed_.assign(logits.begin(), logits.end());
    for (const std::int32_t id : forbidden_)
      allowed_[static_cast<std::size_t>(id)] = -std::numeric_limits<float>::infinity();
    logits = allowed_;
  }
  const std::ptrdiff_t likeliest = find_likeliest(logits);
  if (likeliest < 0)
    throw Error(ErrorCode::corrupt,
                "[generate] the model's scores are not finite: its weights are damaged");
  if (options_.temperature == 0 && options_.repetition_penalty == 1)
    return static_cast<std::int32_t>(likeliest);
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
  keep_top_p();
  // The likeliest has weight 1.
  std::erase_if(candidates_, [&](const auto& c) { return c.first < options_.min_p; });
}

void TokenSampler::keep_top_p() {
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
