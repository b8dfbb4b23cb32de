#include "infer/token_sampler.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <limits>

#include <fmt/format.h>

#include "base/error.h"
#include "base/philox.h"
#include "kernels/token_weights.h"

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

constexpr auto kLikelier = [](const auto& a, const auto& b) {
  return a.weight != b.weight ? a.weight > b.weight : a.id < b.id;
};

double sum_of(const auto& candidates) {
  double sum = 0;
  for (const auto& c : candidates) sum += static_cast<double>(c.weight);
  return sum;
}

}  // namespace

void SamplingOptions::validate() const {
  require(temperature >= 0 && temperature <= 100, "temperature", temperature, "between 0 and 100");
  require(top_k >= 0, "top_k", static_cast<double>(top_k), "0 or more");
  require(top_p > 0 && top_p <= 1, "top_p", top_p, "above 0 and at most 1");
  require(min_p >= 0 && min_p <= 1, "min_p", min_p, "between 0 and 1");
  require(repetition_penalty > 0 && repetition_penalty <= 100, "repetition_penalty",
          repetition_penalty, "above 0 and at most 100");
  require(std::abs(frequency_penalty) <= 100, "frequency_penalty", frequency_penalty,
          "between -100 and 100");
  require(std::abs(presence_penalty) <= 100, "presence_penalty", presence_penalty,
          "between -100 and 100");
  for (const auto& [id, bias] : logit_bias)
    require(std::abs(bias) <= 1000, "logit_bias", bias, "between -1000 and 1000");
}

TokenSampler::TokenSampler(const SamplingOptions& options, std::span<const std::int32_t> forbidden)
    : options_(options), forbidden_(forbidden) {
  options.validate();
}

std::int32_t TokenSampler::next(const TokenScores& given) {
  if (find_likeliest(given.logits) < 0)
    throw Error(ErrorCode::corrupt,
                "[generate] the model's scores are not finite: its weights are damaged");
  const std::span<const float> scores = changes_scores(given) ? changed(given) : given.logits;
  const std::ptrdiff_t likeliest = find_likeliest(scores);
  if (likeliest < 0)
    throw Error(ErrorCode::invalid_argument, "[generate] no token is allowed to follow");
  if (options_.temperature == 0) return static_cast<std::int32_t>(likeliest);
  return draw(scores, static_cast<std::int32_t>(likeliest), std::ssize(given.ids));
}

bool TokenSampler::changes_scores(const TokenScores& given) const {
  return !forbidden_.empty() || !given.allowed.empty() || !options_.logit_bias.empty() ||
         options_.repetition_penalty != 1 || options_.frequency_penalty != 0 ||
         options_.presence_penalty != 0;
}

std::span<const float> TokenSampler::changed(const TokenScores& given) {
  constexpr float kNever = -std::numeric_limits<float>::infinity();
  scores_.assign(given.logits.begin(), given.logits.end());
  const auto at = [&](std::int32_t id) -> float& { return scores_[static_cast<std::size_t>(id)]; };
  for (const auto& [id, bias] : options_.logit_bias) at(id) += static_cast<float>(bias);
  // Each token once, however often it was seen.
  std::vector<std::int32_t> seen;
  if (options_.repetition_penalty != 1) {
    const auto penalty = static_cast<float>(options_.repetition_penalty);
    seen.assign(given.ids.begin(), given.ids.end());
    std::sort(seen.begin(), seen.end());
    seen.erase(std::unique(seen.begin(), seen.end()), seen.end());
    for (const std::int32_t id : seen) at(id) = at(id) > 0 ? at(id) / penalty : at(id) * penalty;
  }
  if (options_.frequency_penalty != 0 || options_.presence_penalty != 0) {
    const auto written = given.ids.subspan(static_cast<std::size_t>(given.prompt));
    seen.assign(written.begin(), written.end());
    std::sort(seen.begin(), seen.end());
    for (auto same = seen.begin(); same != seen.end();) {
      const auto next = std::upper_bound(same, seen.end(), *same);
      at(*same) -=
          static_cast<float>(options_.frequency_penalty * static_cast<double>(next - same) +
                             options_.presence_penalty);
      same = next;
    }
  }
  for (const std::int32_t id : forbidden_) at(id) = kNever;
  for (std::size_t word = 0; word < given.allowed.size(); ++word)
    for (std::uint32_t refused = ~given.allowed[word]; refused != 0; refused &= refused - 1) {
      const std::size_t id = 32 * word + static_cast<std::size_t>(std::countr_zero(refused));
      if (id < scores_.size()) scores_[id] = kNever;
    }
  return scores_;
}

std::int32_t TokenSampler::draw(std::span<const float> scores, std::int32_t likeliest,
                                std::int64_t position) {
  constexpr double kMostFactor = 1e30;
  weights_.resize(scores.size());
  const auto factor = static_cast<float>(std::min(1 / options_.temperature, kMostFactor));
  double total =
      kernels::token_weights(scores, scores[static_cast<std::size_t>(likeliest)], factor, weights_);
  // The likeliest has weight 1. Top-p is a share of what top-k leaves, before min-p.
  const auto least = static_cast<float>(options_.min_p);
  const bool early = options_.top_k == 0 || options_.top_p >= 1;
  const float needed = early ? least : 0;
  candidates_.clear();
  for (std::size_t id = 0; id < weights_.size(); ++id)
    if (weights_[id] > 0 && weights_[id] >= needed)
      candidates_.push_back({weights_[id], static_cast<std::int32_t>(id)});
  if (options_.top_k > 0) {
    keep_top_k();
    total = sum_of(candidates_);
  }
  if (options_.top_p < 1) keep_top_p(total);
  if (!early) std::erase_if(candidates_, [&](const Candidate& c) { return c.weight < least; });
  const auto bits =
      philox(philox_key(options_.seed), {static_cast<std::uint32_t>(position), 0, 0, 0});
  const double u = (bits[0] * 0x1p-32) + (bits[1] * 0x1p-64);
  double left = u * sum_of(candidates_);
  for (const Candidate& c : candidates_) {
    left -= static_cast<double>(c.weight);
    if (left < 0) return c.id;
  }
  return candidates_.back().id;
}

void TokenSampler::keep_top_k() {
  const auto k = std::min(candidates_.size(), static_cast<std::size_t>(options_.top_k));
  const auto end = candidates_.begin() + static_cast<std::ptrdiff_t>(k);
  if (end != candidates_.end())
    std::nth_element(candidates_.begin(), end, candidates_.end(), kLikelier);
  candidates_.resize(k);
  std::sort(candidates_.begin(), candidates_.end(), kLikelier);
}

// Puts candidates in order a few at a time, until they have the share.
void TokenSampler::keep_top_p(double total) {
  const double share = options_.top_p * total;
  const auto at = [&](std::size_t i) {
    return candidates_.begin() + static_cast<std::ptrdiff_t>(i);
  };
  double sum = 0;
  for (std::size_t sorted = 0; sorted < candidates_.size();) {
    const std::size_t end = std::min(candidates_.size(), std::max<std::size_t>(4 * sorted, 32));
    if (end < candidates_.size())
      std::nth_element(at(sorted), at(end), candidates_.end(), kLikelier);
    std::sort(at(sorted), at(end), kLikelier);
    for (; sorted < end; ++sorted) {
      sum += static_cast<double>(candidates_[sorted].weight);
      if (sum < share) continue;
      candidates_.resize(sorted + 1);
      return;
    }
  }
}

}  // namespace stemma::infer
