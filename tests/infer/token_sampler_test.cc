#include "infer/token_sampler.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <random>
#include <set>
#include <span>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "tests/base/expect_error.h"

namespace stemma::infer {
namespace {

constexpr std::array<float, 8> kLogits = {2.0f, -1.0f, 0.5f, 1.25f, -0.25f, 0.0f, 1.75f, -3.0f};
const std::vector<std::int32_t> kIds = {0, 4, 4, 3, 0, 7};

std::int32_t next(TokenSampler&& sampler, std::span<const float> logits,
                  std::span<const std::int32_t> ids) {
  return sampler.next({.logits = logits, .ids = ids});
}
std::int32_t next(TokenSampler& sampler, std::span<const float> logits,
                  std::span<const std::int32_t> ids) {
  return next(std::move(sampler), logits, ids);
}

struct Case {
  const char* name;
  double penalty, temperature;
  std::int64_t top_k;
  double top_p;
  std::array<double, 8> probabilities;
  double min_p = 0;
};

// Softmax of kLogits after transformers 5.23's RepetitionPenaltyLogitsProcessor (of kIds),
// TemperatureLogitsWarper, TopKLogitsWarper, TopPLogitsWarper and MinPLogitsWarper, in float64.
constexpr Case kCases[] = {
    {"plain",
     1,
     1,
     0,
     1,
     {0.360808020, 0.017963574, 0.080507151, 0.170433641, 0.038028886, 0.048830056, 0.280997568,
      0.002431105}},
    {"cold",
     1,
     0.7,
     0,
     1,
     {0.440202558, 0.006058854, 0.051644197, 0.150777676, 0.017689111, 0.025281986, 0.307997641,
      0.000347976}},
    {"hot",
     1,
     1.6,
     0,
     1,
     {0.277654977, 0.042579770, 0.108731251, 0.173752045, 0.068042278, 0.079549483, 0.237490887,
      0.012199308}},
    {"top_3", 1, 1, 3, 1, {0.444213979, 0, 0, 0.209831826, 0, 0, 0.345954195, 0}},
    {"top_1", 1, 1, 1, 1, {1, 0, 0, 0, 0, 0, 0, 0}},
    {"top_p_80", 1, 1, 0, 0.8, {0.444213979, 0, 0, 0.209831826, 0, 0, 0.345954195, 0}},
    {"top_p_30", 1, 1, 0, 0.3, {1, 0, 0, 0, 0, 0, 0, 0}},
    {"top_p_95",
     1,
     1,
     0,
     0.95,
     {0.368319784, 0, 0.082183252, 0.173981946, 0.038820620, 0.049846662, 0.286847736, 0}},
    {"penalty",
     1.3,
     1,
     0,
     1,
     {0.277440225, 0.021914400, 0.098213528, 0.155817029, 0.043040605, 0.059569516, 0.342798896,
      0.001205801}},
    {"reward",
     0.8,
     1,
     0,
     1,
     {0.457405917, 0.013812462, 0.061903159, 0.179122731, 0.030740199, 0.037546164, 0.216063256,
      0.003406111}},
    {"all", 1.2, 0.8, 5, 0.9, {0.357111938, 0, 0.083072685, 0.163497759, 0, 0, 0.396317617, 0}},
    {"top_k_and_p", 1, 1, 4, 0.7, {0.562176501, 0, 0, 0, 0, 0, 0.437823499, 0}},
    {"min_p", 1, 1, 0, 1, {0.404155119, 0, 0.090179197, 0.190909361, 0, 0, 0.314756323, 0}, 0.2},
    {"hot_top_p_min_p",
     1,
     1.6,
     0,
     0.9,
     {0.348100334, 0, 0.136318049, 0.217835623, 0, 0, 0.297745994, 0},
     0.35},
};

SamplingOptions options_of(const Case& c, std::uint64_t seed) {
  SamplingOptions options;
  options.repetition_penalty = c.penalty;
  options.temperature = c.temperature;
  options.top_k = c.top_k;
  options.top_p = c.top_p;
  options.min_p = c.min_p;
  options.seed = seed;
  return options;
}

TEST(TokenSampler, DrawsFromHuggingFacesDistribution) {
  constexpr int kDraws = 40000;
  for (const Case& c : kCases) {
    std::array<int, 8> counts{};
    for (int i = 0; i < kDraws; ++i) {
      TokenSampler sampler(options_of(c, static_cast<std::uint64_t>(i)));
      ++counts.at(static_cast<std::size_t>(next(sampler, kLogits, kIds)));
    }
    for (std::size_t id = 0; id < 8; ++id) {
      const double p = c.probabilities[id];
      EXPECT_NEAR(counts[id] / double{kDraws}, p, 5 * std::sqrt(p * (1 - p) / kDraws))
          << c.name << " id " << id;
    }
  }
}

// Positions of one sequence are as independent as seeds.
TEST(TokenSampler, PositionsDrawIndependently) {
  constexpr std::size_t kDraws = 40000;
  TokenSampler sampler(options_of(kCases[0], 9));
  const std::vector<std::int32_t> ids(kDraws, 0);
  std::array<int, 8> counts{};
  std::int32_t before = -1;
  int repeats = 0;
  for (std::size_t n = 0; n < kDraws; ++n) {
    const std::int32_t id = next(sampler, kLogits, std::span(ids).first(n));
    ++counts.at(static_cast<std::size_t>(id));
    repeats += id == before;
    before = id;
  }
  double same = 0;
  for (std::size_t id = 0; id < 8; ++id) {
    const double p = kCases[0].probabilities[id];
    same += p * p;
    EXPECT_NEAR(counts[id] / double{kDraws}, p, 5 * std::sqrt(p * (1 - p) / kDraws));
  }
  EXPECT_NEAR(repeats / double{kDraws}, same, 5 * std::sqrt(same * (1 - same) / kDraws));
}

TEST(TokenSampler, ATokenIsAFunctionOfSeedAndPosition) {
  const Case& plain = kCases[0];
  TokenSampler used(options_of(plain, 3));
  for (int i = 0; i < 10; ++i) next(used, kLogits, {});
  int differ = 0;
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    TokenSampler a(options_of(plain, seed)), b(options_of(plain, seed)),
        c(options_of(plain, seed + 1000));
    const std::int32_t id = next(a, kLogits, kIds);
    EXPECT_EQ(next(b, kLogits, kIds), id);
    if (seed == 3) {
      EXPECT_EQ(next(used, kLogits, kIds), id);
    }
    differ += next(c, kLogits, kIds) != id;
  }
  EXPECT_GT(differ, 30);
}

TEST(TokenSampler, GreedyTakesTheLowestOfEquals) {
  TokenSampler greedy({});
  EXPECT_EQ(next(greedy, kLogits, {}), 0);
  const std::array<float, 4> ties = {1.0f, 3.0f, 3.0f, 3.0f};
  EXPECT_EQ(next(greedy, ties, {}), 1);
  const std::array<float, 3> all_equal = {0.0f, 0.0f, 0.0f};
  EXPECT_EQ(next(greedy, all_equal, {}), 0);
  // As cold as it gets: the same choice.
  SamplingOptions cold;
  cold.temperature = 1e-6;
  EXPECT_EQ(next(TokenSampler(cold), kLogits, {}), 0);
}

TEST(TokenSampler, GreedyWithPenalty) {
  SamplingOptions options;
  options.repetition_penalty = 2;
  TokenSampler sampler(options);
  EXPECT_EQ(next(sampler, kLogits, std::vector<std::int32_t>{0}), 6);     // 2 / 2 = 1 < 1.75
  EXPECT_EQ(next(sampler, kLogits, std::vector<std::int32_t>{0, 6}), 3);  // 1, 0.875 < 1.25
  const std::array<float, 2> negative = {-1.0f, -1.5f};
  EXPECT_EQ(next(sampler, negative, std::vector<std::int32_t>{0}), 1);  // -2 < -1.5
  // Seen twice is penalised once: 1 > 0.75, where twice would be 0.5.
  const std::array<float, 2> twice = {2.0f, 0.75f};
  EXPECT_EQ(next(sampler, twice, std::vector<std::int32_t>{0, 0, 0}), 0);
}

TEST(TokenSampler, ForbiddenTokensAndWideTopK) {
  const float no = -std::numeric_limits<float>::infinity();
  const std::array<float, 3> logits = {no, 1.0f, no};
  SamplingOptions options;
  options.temperature = 1;
  options.top_k = 1000;
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    options.seed = seed;
    EXPECT_EQ(next(TokenSampler(options), logits, {}), 1);
  }
}

TEST(TokenSampler, OptionsOutOfRangeAreNamed) {
  const auto expect_bad = [](auto change, const char* name) {
    SamplingOptions options;
    change(options);
    EXPECT_ERROR(TokenSampler{options}, ErrorCode::invalid_argument, name);
  };
  const double nan = std::numeric_limits<double>::quiet_NaN();
  expect_bad([](auto& o) { o.temperature = -0.1; }, "temperature");
  expect_bad([nan](auto& o) { o.temperature = nan; }, "temperature");
  expect_bad([](auto& o) { o.top_k = -1; }, "top_k");
  expect_bad([](auto& o) { o.top_p = 0; }, "top_p");
  expect_bad([](auto& o) { o.top_p = 1.01; }, "top_p");
  expect_bad([nan](auto& o) { o.top_p = nan; }, "top_p");
  expect_bad([](auto& o) { o.repetition_penalty = 0; }, "repetition_penalty");
  expect_bad([](auto& o) { o.repetition_penalty = std::numeric_limits<double>::infinity(); },
             "repetition_penalty");
}

TEST(TokenSampler, ScoresThatAreNoNumbersAreRefused) {
  const float inf = std::numeric_limits<float>::infinity();
  TokenSampler sampler({});
  for (const std::vector<float>& logits :
       {std::vector<float>{1, std::nanf(""), 0}, {1, inf, 0}, {-inf, -inf, -inf}})
    EXPECT_ERROR(next(sampler, logits, {}), ErrorCode::corrupt, "not finite");
}

// Vocabularies that are no multiple of anything, with the likeliest token, or what is no number,
// anywhere in them.
TEST(TokenSampler, LargeVocabularies) {
  TokenSampler sampler({});
  for (const std::size_t size : {1, 15, 16, 17, 1023, 1024, 1025, 5003})
    for (std::size_t at = 0; at < size; at += size / 37 + 1) {
      std::vector<float> logits(size);
      for (std::size_t i = 0; i < size; ++i) logits[i] = -1 - static_cast<float>(i * 7919 % 101);
      logits[at] = -0.5f;
      EXPECT_EQ(next(sampler, logits, {}), static_cast<std::int32_t>(at));
      if (at > 0) logits[at - 1] = -0.5f;  // equals: the first
      EXPECT_EQ(next(sampler, logits, {}), static_cast<std::int32_t>(at > 0 ? at - 1 : 0));
      logits[at] = std::nanf("");
      EXPECT_ERROR(next(sampler, logits, {}), ErrorCode::corrupt, "not finite");
    }
}

// Penalties of OpenAI's API: what the continuation holds, by count and once.
TEST(TokenSampler, FrequencyAndPresenceAreOfTheContinuation) {
  SamplingOptions options;
  options.frequency_penalty = 0.1;
  options.presence_penalty = 0.1;
  const std::vector<std::int32_t> ids = {0, 0, 0, 0, 0};
  TokenSampler sampler(options);
  const auto chosen = [&](std::int64_t prompt) {
    return sampler.next({.logits = kLogits, .ids = ids, .prompt = prompt});
  };
  EXPECT_EQ(chosen(5), 0);  // all of it the prompt
  EXPECT_EQ(chosen(4), 0);  // 2 - 0.2 > 1.75
  EXPECT_EQ(chosen(3), 6);  // 2 - 0.3 < 1.75
  options.frequency_penalty = 0;
  TokenSampler once(options);
  EXPECT_EQ(once.next({.logits = kLogits, .ids = ids, .prompt = 0}), 0);  // 2 - 0.1
  options.presence_penalty = -2;
  TokenSampler liking(options);
  const std::vector<std::int32_t> third = {5, 3};
  EXPECT_EQ(liking.next({.logits = kLogits, .ids = third, .prompt = 1}), 3);
}

TEST(TokenSampler, BiasesAndMasksDecideWhatMayBeChosen) {
  SamplingOptions options;
  options.logit_bias = {{0, -100}, {7, 4.5}};
  EXPECT_EQ(next(TokenSampler(options), kLogits, {}), 6);  // 1.75 > 1.5
  options.logit_bias = {{7, 4.8}};
  EXPECT_EQ(next(TokenSampler(options), kLogits, {}), 0);
  options.logit_bias = {{7, 5.5}};
  EXPECT_EQ(next(TokenSampler(options), kLogits, {}), 7);
  for (const double temperature : {0.0, 3.0}) {
    SamplingOptions drawing;
    drawing.temperature = temperature;
    for (std::uint64_t seed = 0; seed < 50; ++seed) {
      drawing.seed = seed;
      TokenSampler sampler(drawing);
      const std::uint32_t odd = 0b10101010, one = 1u << 4, none = 0;
      EXPECT_EQ(sampler.next({.logits = kLogits, .ids = kIds, .allowed = {&odd, 1}}) % 2, 1);
      EXPECT_EQ(sampler.next({.logits = kLogits, .ids = kIds, .allowed = {&one, 1}}), 4);
      EXPECT_ERROR(sampler.next({.logits = kLogits, .ids = kIds, .allowed = {&none, 1}}),
                   ErrorCode::invalid_argument, "no token is allowed");
    }
  }
}

// A vocabulary that is chosen from in several rounds.
TEST(TokenSampler, TopPOfManyTokensIsTheSmallestSetOfTheLikeliest) {
  constexpr std::size_t kTokens = 5000;
  std::vector<float> logits(kTokens);
  std::mt19937 random(3);
  for (float& logit : logits) logit = std::normal_distribution<float>(0, 2)(random);
  std::vector<std::pair<double, std::int32_t>> order;
  double total = 0;
  for (std::size_t i = 0; i < kTokens; ++i) {
    order.emplace_back(std::exp(static_cast<double>(logits[i])), static_cast<std::int32_t>(i));
    total += order.back().first;
  }
  std::sort(order.rbegin(), order.rend());
  for (const double top_p : {0.01, 0.5, 0.95}) {
    std::set<std::int32_t> kept, drawn;
    double sum = 0;
    for (std::size_t i = 0; sum < top_p * total; ++i) {
      sum += order[i].first;
      kept.insert(order[i].second);
    }
    for (std::uint64_t seed = 0; seed < 3000; ++seed) {
      SamplingOptions options;
      options.temperature = 1;
      options.top_p = top_p;
      options.seed = seed;
      drawn.insert(next(TokenSampler(options), logits, {}));
    }
    EXPECT_TRUE(std::includes(kept.begin(), kept.end(), drawn.begin(), drawn.end())) << top_p;
    EXPECT_GE(drawn.size(), std::min<std::size_t>(kept.size(), 2)) << top_p;
  }
}

}  // namespace
}  // namespace stemma::infer
