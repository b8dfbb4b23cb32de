// Speculative decoding changes nothing but the number of passes: token for token and bit for bit
// what is written without it, greedy and drawn, in any company.
#include <algorithm>

#include <gtest/gtest.h>

#include "infer/engine.h"
#include "infer/ngram_drafter.h"
#include "models/family.h"
#include "tests/base/expect_error.h"

namespace stemma::infer {
namespace {

ModelConfig config_with(std::int64_t layers) {
  ModelConfig c = family_named("llama").defaults();
  c.vocab = 61;
  c.context = 700;
  c.channels = 36;
  c.heads = 3;
  c.kv_heads = 1;
  c.layers = layers;
  c.hidden = 72;
  c.weight_std = 0.12;
  c.tied_head = true;
  return c;
}

LoadedModel random_named(const ModelConfig& config) {
  ModelOptions options;
  options.precision = "f32";
  options.threads = 2;
  return LoadedModel::random(config, options);
}
LoadedModel random_model(std::int64_t layers) { return random_named(config_with(layers)); }

std::vector<Request> requests() {
  std::vector<Request> list;
  for (std::int64_t i = 0; i < 9; ++i) {
    Request r;
    for (std::int64_t t = 0; t < 3 + 37 * i; ++t)
      r.prompt.push_back(static_cast<std::int32_t>((t * (i + 3) + t * t % 7) % 61));
    r.options.max_tokens = 40 + i;
    r.options.log_probabilities = true;
    r.options.top_tokens = i % 3;
    r.options.sampling.temperature = i % 3 == 0 ? 0 : 0.7 * static_cast<double>(i % 3);
    r.options.sampling.top_p = 0.9;
    r.options.sampling.repetition_penalty = i % 4 == 3 ? 1.2 : 1;
    r.options.sampling.frequency_penalty = i % 4 == 2 ? 0.4 : 0;
    r.options.sampling.seed = static_cast<std::uint64_t>(i);
    list.push_back(std::move(r));
  }
  return list;
}

void expect_same(const std::vector<Generation>& got, const std::vector<Generation>& wanted) {
  ASSERT_EQ(got.size(), wanted.size());
  for (std::size_t i = 0; i < got.size(); ++i) {
    EXPECT_EQ(got[i].ids, wanted[i].ids) << "request " << i;
    EXPECT_EQ(got[i].log_probabilities, wanted[i].log_probabilities) << "request " << i;
    EXPECT_EQ(got[i].finish, wanted[i].finish) << "request " << i;
    EXPECT_EQ(got[i].top.size(), wanted[i].top.size());
  }
}

TEST(Speculation, WritesTheSameBits) {
  const LoadedModel model = random_model(3), other = random_model(1), same = random_model(3);
  Engine plain(model, {.slots = 4});
  const std::vector<Generation> wanted = plain.run(requests());
  EXPECT_EQ(plain.load().drafted, 0);
  for (const LoadedModel* draft : {static_cast<const LoadedModel*>(nullptr), &other, &same}) {
    for (const std::int64_t slots : {1, 2, 4, 9}) {
      SCOPED_TRACE(testing::Message() << slots << " slots, " << (draft ? "a model" : "n-grams"));
      // Few pages: sequences give way to each other in the middle of their guesses.
      Engine engine(model, {.slots = slots,
                            .cache_tokens = slots == 9 ? 1400 : 0,
                            .prompt_tokens = 100,
                            .share_prefixes = slots % 2 == 0,
                            .draft_tokens = 6,
                            .draft_model = draft});
      for (int round = 0; round < 2; ++round) expect_same(engine.run(requests()), wanted);
      const Engine::Load load = engine.load();
      if (slots < 9) {
        EXPECT_GT(load.drafted, 0);
        EXPECT_GT(load.accepted, 0);
      }
      // Who thinks alike with the same numbers at hand is always right.
      if (draft == &same)
        EXPECT_EQ(load.accepted, load.drafted);
      else
        EXPECT_LT(load.accepted, load.drafted);
    }
  }
}

TEST(Speculation, EndsWhereTheTextEnds) {
  const LoadedModel model = random_model(2), same = random_model(2);
  Request r = requests()[3];
  Engine plain(model, {.slots = 1});
  const Generation whole = plain.run({r}).front();
  for (const std::size_t at : {0u, 1u, 5u, 17u}) {
    Request ended = r;
    ended.options.end_tokens = {whole.ids[at]};
    int tokens = 0;
    ended.options.on_token = [&](const ScoredToken&) {
      ++tokens;
      return true;
    };
    Engine engine(model, {.slots = 1, .draft_tokens = 8, .draft_model = &same});
    const Generation got = engine.run({ended}).front();
    const auto first = std::ranges::find(whole.ids, whole.ids[at]) - whole.ids.begin();
    EXPECT_EQ(std::ssize(got.ids), first);
    EXPECT_EQ(tokens, first);
    EXPECT_EQ(got.finish, FinishReason::end_of_text);
    // Who listens may leave in the middle of what was accepted together.
    Request left = r;
    left.options.on_token = [&, n = std::size_t{0}](const ScoredToken&) mutable {
      return ++n <= at;
    };
    EXPECT_EQ(engine.run({left}).front().ids.size(), at + 1);
    // The engine goes on as if nothing had been.
    expect_same(engine.run({r}), {whole});
  }
}

TEST(Speculation, StopsAtTheContext) {
  const LoadedModel model = random_model(2), same = random_model(2);
  Request r = requests()[8];
  r.options.max_tokens = 1000;
  Engine plain(model, {.slots = 1, .capacity = 320});
  Engine engine(model, {.slots = 1, .capacity = 320, .draft_tokens = 8, .draft_model = &same});
  const std::vector<Generation> wanted = plain.run({r});
  EXPECT_EQ(wanted.front().finish, FinishReason::context);
  expect_same(engine.run({r}), wanted);
}

TEST(Speculation, NgramsAreWhatFollowedLast) {
  NgramDrafter drafter;
  const auto draft = [&](std::vector<std::int32_t> ids, std::int64_t most) {
    Drafter::Wanted w{.slot = 0, .ids = ids, .prompt = 0, .most = most};
    drafter.propose({&w, 1});
    return w.draft;
  };
  EXPECT_EQ(draft({1, 2, 3, 4, 1, 2}, 4), (std::vector<std::int32_t>{3, 4, 1, 2}));
  EXPECT_EQ(draft({1, 2, 3, 4, 1, 2}, 2), (std::vector<std::int32_t>{3, 4}));
  EXPECT_EQ(draft({1, 2, 7, 1, 2, 8, 1, 2}, 1), (std::vector<std::int32_t>{8}));  // the last place
  EXPECT_EQ(draft({9, 1, 2, 7, 5, 1, 2, 8, 9, 1, 2}, 1),
            (std::vector<std::int32_t>{7}));                          // the longest tail
  EXPECT_EQ(draft({5, 5, 5, 5}, 3), (std::vector<std::int32_t>{5}));  // what is there
  EXPECT_EQ(draft({1, 2, 3}, 3), std::vector<std::int32_t>{});
  EXPECT_EQ(draft({1}, 3), std::vector<std::int32_t>{});
}

TEST(Speculation, RefusesADraftOfAnotherVocabulary) {
  const LoadedModel model = random_model(2);
  ModelConfig config = config_with(1);
  config.vocab = 62;
  const LoadedModel other = random_named(config);
  EXPECT_ERROR(Engine(model, {.draft_tokens = 4, .draft_model = &other}),
               ErrorCode::invalid_argument, "the same tokenizer");
  EXPECT_ERROR(Engine(model, {.draft_tokens = -1}), ErrorCode::invalid_argument, "draft_tokens");
}

}  // namespace
}  // namespace stemma::infer
