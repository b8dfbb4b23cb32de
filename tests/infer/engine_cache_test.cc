// The engine's cache: whatever pages, slots and earlier requests there are, a request gets the same
// tokens.
#include <algorithm>
#include <vector>

#include <gtest/gtest.h>

#include "infer/engine.h"
#include "tests/infer/random_model.h"

namespace stemma::infer {
namespace {

using testing::InMemory;
using Ids = std::vector<std::int32_t>;

const InMemory& random_model() {
  static const InMemory model(1200);
  return model;
}

Engine engine_with(const EngineOptions& options) {
  return {random_model().model(), ops::Numerics::f32(), random_model().stream(), nullptr, options};
}

// `count` ids that follow from the seed.
Ids some_ids(std::int64_t count, std::uint32_t seed) {
  Ids ids(static_cast<std::size_t>(count));
  for (std::int32_t& id : ids)
    id = static_cast<std::int32_t>((seed = seed * 1664525 + 1013904223) >> 16) % 31;
  return ids;
}

Request sampled(Ids prompt, std::int64_t max_tokens, std::uint64_t seed) {
  Request r{std::move(prompt), {.max_tokens = max_tokens, .log_probabilities = true}, {}};
  r.options.sampling = {.temperature = 1, .top_p = 0.95, .seed = seed};
  return r;
}

// Prompts of which some begin alike: 600 common tokens, 300 of them also with others.
std::vector<Request> mixed_requests() {
  std::vector<Request> requests;
  for (std::uint32_t i = 0; i < 14; ++i) {
    Ids prompt = i % 2 ? some_ids(600, 1) : some_ids(20 * i + 1, i);
    if (i % 3 == 0) prompt.resize(std::min<std::size_t>(prompt.size(), 300));
    const Ids own = some_ids(3 + 5 * i, 100 + i);
    prompt.insert(prompt.end(), own.begin(), own.end());
    requests.push_back(sampled(prompt, 10 + 25 * (i % 4), i));
  }
  return requests;
}

void expect_same(const std::vector<Generation>& a, const std::vector<Generation>& b,
                 const char* what) {
  ASSERT_EQ(a.size(), b.size());
  for (std::size_t i = 0; i < a.size(); ++i) {
    EXPECT_EQ(a[i].ids, b[i].ids) << what << ", request " << i;
    EXPECT_EQ(a[i].log_probabilities, b[i].log_probabilities) << what << ", request " << i;
    EXPECT_EQ(a[i].finish, b[i].finish) << what << ", request " << i;
  }
}

TEST(EngineCache, RequestsGetTheSameWhateverTheCacheIs) {
  const std::vector<Generation> alone =
      engine_with({.slots = 1, .prompt_tokens = 1200}).run(mixed_requests());
  Engine roomy = engine_with({.slots = 6, .share_prefixes = true});
  expect_same(alone, roomy.run(mixed_requests()), "shared beginnings");
  EXPECT_GT(roomy.load().known_tokens, 2000);
  EXPECT_EQ(roomy.load().preempted, 0);
  expect_same(alone, roomy.run(mixed_requests()), "all of them known");
  EXPECT_GT(roomy.load().known_tokens, roomy.load().prompt_tokens / 2);
  // Six pages for sequences of up to four.
  Engine tight = engine_with({.slots = 6,
                              .cache_tokens = 6 * 256,
                              .prompt_tokens = 100,
                              .prompt_tokens_beside = 33,
                              .share_prefixes = true});
  expect_same(alone, tight.run(mixed_requests()), "few pages");
  Engine tight_alone = engine_with({.slots = 6, .cache_tokens = 6 * 256});
  expect_same(alone, tight_alone.run(mixed_requests()), "few pages, not shared");
  EXPECT_EQ(tight_alone.load().free_pages, tight_alone.load().pages);
}

// Three sequences that grow out of their pages at the same time.
// A cache that one sequence fills: the next one begins with a part of it, and the page that it
// would have to copy is the last there is.
TEST(EngineCache, ASharedBeginningGivesWayWhereItTakesAllRoom) {
  const Request first = sampled(some_ids(150, 3), 60, 1);
  Request second = first;
  second.prompt.resize(100);
  second.prompt.push_back(7);
  const std::vector<Generation> alone =
      engine_with({.slots = 1}).run(std::vector<Request>{first, second});
  Engine full = engine_with({.slots = 1, .capacity = 250, .share_prefixes = true});
  const std::vector<Generation> shared = full.run(std::vector<Request>{first, second});
  expect_same(alone, shared, "one slot");
}

TEST(EngineCache, TheOneThatCameLastGivesWay) {
  std::vector<Request> requests;
  for (std::uint32_t i = 0; i < 3; ++i) requests.push_back(sampled(some_ids(250, i), 300, i));
  const std::vector<Generation> alone = engine_with({.slots = 1}).run(requests);
  Engine tight = engine_with({.slots = 3, .cache_tokens = 5 * 256});
  for (const Request& r : requests) tight.submit(r);
  std::vector<Generation> results(3);
  std::vector<std::int64_t> order;
  while (!tight.idle())
    for (Engine::Completed& c : tight.step()) {
      order.push_back(c.number);
      results[static_cast<std::size_t>(c.number)] = std::move(c.generation);
    }
  expect_same(alone, results, "pre-empted");
  EXPECT_GT(tight.load().preempted, 0);
  EXPECT_EQ(order, (std::vector<std::int64_t>{0, 1, 2}));
  EXPECT_EQ(tight.load().free_pages, 5);
}

TEST(EngineCache, ACommonBeginningIsComputedOnce) {
  const Ids system = some_ids(1000, 5);
  const auto with = [&](std::uint32_t seed) {
    Ids prompt = system;
    const Ids own = some_ids(7, seed);
    prompt.insert(prompt.end(), own.begin(), own.end());
    return sampled(prompt, 4, seed);
  };
  Engine engine = engine_with({.slots = 4, .share_prefixes = true});
  EXPECT_EQ(engine.run({with(1)}).front().known_tokens, 0);
  EXPECT_GE(engine.run({with(2)}).front().known_tokens, 1000);
  // Those that come together wait until the first one's prompt is computed, not for its text.
  Engine fresh = engine_with({.slots = 4, .prompt_tokens = 100, .share_prefixes = true});
  const std::vector<Generation> results = fresh.run({with(1), with(2), with(3)});
  EXPECT_EQ(results[0].known_tokens, 0);
  EXPECT_EQ(results[1].known_tokens, 1000);
  EXPECT_EQ(results[2].known_tokens, 1000);
  // Without sharing nothing is known.
  EXPECT_EQ(engine_with({.slots = 4}).run({with(1), with(2)})[1].known_tokens, 0);
}

// Choices of one prompt: a single pass over it, and each goes its own way on pages of its own, also
// where there is hardly room for them.
TEST(EngineCache, ChoicesShareThePassOverTheirPrompt) {
  const Ids prompt = some_ids(300, 4);
  std::vector<Request> choices;
  for (std::uint32_t seed = 0; seed < 6; ++seed) choices.push_back(sampled(prompt, 300, seed));
  std::vector<Generation> alone;
  for (const Request& choice : choices)
    alone.push_back(std::move(engine_with({.slots = 1}).run({choice}).front()));
  for (const std::int64_t cache_tokens : {0, 1500}) {
    Engine engine = engine_with({.slots = 6, .cache_tokens = cache_tokens, .share_prefixes = true});
    const std::vector<Generation> together = engine.run(choices);
    for (std::size_t i = 0; i < choices.size(); ++i) {
      EXPECT_EQ(together[i].ids, alone[i].ids) << i;
      EXPECT_EQ(together[i].known_tokens, i == 0 ? 0 : 299) << i;
    }
  }
}

TEST(EngineCache, ALongPromptDoesNotHoldUpThoseBehindIt) {
  Engine engine = engine_with({.slots = 3, .prompt_tokens = 64, .prompt_tokens_beside = 64});
  engine.submit(sampled(some_ids(1100, 1), 2, 1));
  engine.submit(sampled(some_ids(20, 2), 2, 2));
  engine.submit(sampled(some_ids(25, 3), 2, 3));
  std::vector<std::int64_t> order;
  int steps = 0, first_done = 0;
  while (!engine.idle()) {
    ++steps;
    for (const Engine::Completed& c : engine.step()) {
      if (order.empty()) first_done = steps;
      order.push_back(c.number);
    }
  }
  EXPECT_EQ(order, (std::vector<std::int64_t>{1, 2, 0}));
  EXPECT_LE(first_done, 3);
  EXPECT_LE(steps, 1100 / 32);  // and it is not starved by those
}

}  // namespace
}  // namespace stemma::infer
