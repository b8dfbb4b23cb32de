#include "infer/engine.h"

#include <atomic>
#include <cmath>
#include <limits>
#include <map>
#include <set>
#include <stdexcept>

#include <gtest/gtest.h>

#include "infer/generator.h"
#include "tests/base/expect_error.h"
#include "tests/infer/model_folder.h"
#include "tests/infer/random_model.h"
#include "text/grammar/grammar.h"

namespace stemma::infer {
namespace {

using testing::ChainModel;
using testing::InMemory;

const ChainModel& letters() {
  static const ChainModel model("abcdefghijklmnopqrstuvwxyz");
  return model;
}

Request request(std::string_view prompt, std::int64_t max_tokens) {
  Request r;
  r.prompt = letters().ids(prompt);
  r.options.max_tokens = max_tokens;
  return r;
}

TEST(Engine, ManyRequestsShareFewSlots) {
  Engine engine(letters().model(), {.slots = 2});
  std::map<std::int64_t, std::string> texts;
  const std::vector<std::pair<std::string, int>> wanted = {{"a", 3},   {"xy", 9}, {"k", 1},
                                                           {"efg", 5}, {"b", 0},  {"q", 4}};
  for (const auto& [prompt, count] : wanted) engine.submit(request(prompt, count));
  std::vector<std::int64_t> order;
  while (!engine.idle())
    for (Engine::Completed& c : engine.step()) {
      order.push_back(c.number);
      texts[c.number] = c.generation.text;
    }
  EXPECT_EQ(texts, (std::map<std::int64_t, std::string>{
                       {0, "bcd"}, {1, "z"}, {2, "l"}, {3, "hijkl"}, {4, ""}, {5, "rstu"}}));
  // Two at a time, first come first served: the end of text of 1 in step 2 makes room for 2,
  // which ends in step 3 as 0 does; 3 and 5 begin together.
  EXPECT_EQ(order, (std::vector<std::int64_t>{1, 0, 2, 4, 5, 3}));
  // A slot that was used before begins anew.
  EXPECT_EQ(engine.run({request("m", 2)}).front().text, "no");
}

TEST(Engine, ResultsOfRunAreInTheOrderOfTheRequests) {
  Engine engine(letters().model(), {.slots = 3});
  const std::vector<Generation> results =
      engine.run({request("a", 8), request("a", 1), request("wx", 9), request("f", 2)});
  ASSERT_EQ(results.size(), 4u);
  EXPECT_EQ(results[0].text, "bcdefghi");
  EXPECT_EQ(results[1].text, "b");
  EXPECT_EQ(results[2].text, "yz");
  EXPECT_EQ(results[2].finish, FinishReason::end_of_text);
  EXPECT_EQ(results[3].text, "gh");
}

TEST(Engine, ALongPromptTakesSeveralPassesWhileOthersWrite) {
  Engine engine(letters().model(), {.slots = 2, .prompt_tokens = 3});
  std::vector<std::string> heard;
  const auto listening = [&](Request r, const std::string& name) {
    r.options.on_text = [&heard, name](std::string_view piece) {
      heard.push_back(name + std::string(piece));
      return true;
    };
    return r;
  };
  engine.submit(listening(request("a", 5), "1"));
  engine.submit(listening(request("abcdefg", 2), "2"));  // 2 + 3 + 2 tokens
  while (!engine.idle()) engine.step();
  EXPECT_EQ(heard, (std::vector<std::string>{"1b", "1c", "1d", "2h", "1e", "2i", "1f"}));
}

TEST(Engine, AnImpossibleRequestIsRefusedAndTheOthersGoOn) {
  Engine engine(letters().model(), {.slots = 2, .capacity = 8});
  engine.submit(request("a", 3));
  EXPECT_ERROR(engine.submit({}), ErrorCode::invalid_argument, "no tokens");
  EXPECT_ERROR(engine.submit(request("abcdefghi", 1)), ErrorCode::invalid_argument,
               "9 tokens, a slot of the cache holds 8");
  Request outside = request("a", 1);
  outside.prompt.push_back(257);
  EXPECT_ERROR(engine.submit(outside), ErrorCode::invalid_argument, "257");
  Request scored = request("a", 1);
  scored.targets = {4, -2};
  EXPECT_ERROR(engine.submit(scored), ErrorCode::invalid_argument, "-2");
  scored.targets.assign(13, 1);
  EXPECT_ERROR(engine.submit(scored), ErrorCode::invalid_argument, "13 tokens, the model's");
  EXPECT_ERROR(engine.run({request("a", 1)}), ErrorCode::invalid_argument, "idle");
  EXPECT_EQ(engine.submit(request("d", 2)), 1);
  std::vector<std::string> texts;
  while (!engine.idle())
    for (const Engine::Completed& c : engine.step()) texts.push_back(c.generation.text);
  EXPECT_EQ(texts, (std::vector<std::string>{"ef", "bcd"}));
  EXPECT_ERROR(Engine(letters().model(), {.slots = 0}), ErrorCode::invalid_argument, "slots");
  EXPECT_ERROR(Engine(letters().model(), {.prompt_tokens = 0}), ErrorCode::invalid_argument,
               "prompt_tokens");
}

// Nothing is left behind by a run() that refuses.
TEST(Engine, RunChecksAllBeforeAnythingRuns) {
  Engine engine(letters().model());
  EXPECT_ERROR(engine.run({request("a", 1), request("a", -1)}), ErrorCode::invalid_argument,
               "max_tokens");
  EXPECT_TRUE(engine.idle());
  EXPECT_EQ(engine.run({request("a", 2)}).front().text, "bc");
}

TEST(Engine, CancellationIsAskedBeforeEachStep) {
  Engine engine(letters().model(), {.slots = 1});
  std::atomic<int> signal{0}, gone{1};
  Request first = request("a", 9), second = request("a", 9), third = request("c", 2);
  first.options.interrupt = Interrupt(signal);
  first.options.on_token = [&, count = 0](const ScoredToken&) mutable {
    if (++count == 3) signal = 15;
    return true;
  };
  second.options.interrupt = Interrupt(gone);  // while it waits
  const std::vector<Generation> results = engine.run({first, second, third});
  EXPECT_EQ(results[0].finish, FinishReason::cancelled);
  EXPECT_EQ(results[0].text, "bcd");
  EXPECT_EQ(results[0].ids, letters().ids("bcd"));
  EXPECT_EQ(results[1].finish, FinishReason::cancelled);
  EXPECT_EQ(results[1].text, "");
  EXPECT_EQ(results[2].text, "de");
}

TEST(Engine, AnErrorOfOneRequestEndsThatOne) {
  Engine engine(letters().model());
  Request loud = request("a", 5);
  loud.options.on_text = [](std::string_view piece) -> bool {
    if (piece == "c") throw std::runtime_error("the listener is gone");
    return true;
  };
  const std::vector<Generation> results = engine.run({loud, request("a", 5)});
  EXPECT_EQ(results[0].finish, FinishReason::failed);
  EXPECT_EQ(to_string(results[0].finish), "failed");
  EXPECT_THROW(std::rethrow_exception(results[0].error), std::runtime_error);
  EXPECT_EQ(results[1].text, "bcdef");
  EXPECT_THROW(generate(letters().model(), loud.prompt, loud.options), std::runtime_error);
}

// NaN in the row of one token's embedding: who reads it fails alone.
TEST(Engine, ScoresThatAreNotFiniteFailTheirRequestAlone) {
  Stream stream(1);
  struct Damaged final : nn::WeightSource {
    Weight load(const nn::ParameterSpec& spec) override {
      Weight weight = fresh.load(spec);
      if (spec.name == "embedding.tokens")
        weight.value().data<float>()[5 * 12] = std::numeric_limits<float>::quiet_NaN();
      return weight;
    }
    nn::FreshWeights fresh{3};
  } source;
  ModelConfig config = InMemory().model().config();
  config.tied_head = false;
  const std::unique_ptr<Model> model = build_model(config, source);
  Engine engine(*model, ops::Numerics::f32(), stream, nullptr);
  Request scored{{1, 5}, {}, {2}}, sound{{1, 2}, {}, {3}};
  const std::vector<Generation> results =
      engine.run({Request{{1, 5, 2}, {.max_tokens = 3}, {}}, scored, sound});
  EXPECT_EQ(results[0].finish, FinishReason::failed);
  EXPECT_ERROR(std::rethrow_exception(results[0].error), ErrorCode::corrupt, "not finite");
  EXPECT_EQ(results[1].finish, FinishReason::failed);
  EXPECT_ERROR(std::rethrow_exception(results[1].error), ErrorCode::corrupt, "not finite");
  EXPECT_EQ(results[2].finish, FinishReason::length);
  EXPECT_LT(results[2].log_probabilities.at(0), 0);
}

TEST(Engine, EndTokensEndATextAndTokensAreHeard) {
  Engine engine(letters().model());
  Request r = request("a", 9), ended = request("a", 9);
  std::vector<std::int32_t> heard;
  r.options.on_token = [&](const ScoredToken& token) {
    heard.push_back(token.id);
    return heard.size() < 3;
  };
  ended.options.end_tokens = letters().ids("f");
  Request ignoring = ended;
  ignoring.options.ignore_end_of_text = true;
  ignoring.options.max_tokens = 6;
  const std::vector<Generation> results = engine.run({r, ended, ignoring});
  EXPECT_EQ(heard, letters().ids("bcd"));
  EXPECT_EQ(results[0].finish, FinishReason::cancelled);
  EXPECT_EQ(results[0].text, "bcd");
  EXPECT_EQ(results[1].finish, FinishReason::end_of_text);
  EXPECT_EQ(results[1].text, "bcde");
  EXPECT_EQ(results[2].text, "bcdefg");
}

TEST(Engine, AModelInMemoryNeedsNoTokenizer) {
  const InMemory m;
  Engine engine(m.model(), ops::Numerics::f32(), m.stream(), nullptr, {.slots = 2});
  Request r{{1, 2, 3}, {.max_tokens = 5, .log_probabilities = true}, {}};
  const Generation g = engine.run({r}).front();
  ASSERT_EQ(g.ids.size(), 5u);
  EXPECT_EQ(g.text, "");
  ASSERT_EQ(g.log_probabilities.size(), 5u);
  std::vector<std::int32_t> ids = r.prompt;
  for (std::size_t i = 0; i < 5; ++i) {
    EXPECT_NEAR(g.log_probabilities[i], m.log_probability(ids, g.ids[i]), 1e-5);
    ids.push_back(g.ids[i]);
  }
  r.options.stop = {"x"};
  EXPECT_ERROR(engine.submit(r), ErrorCode::not_found, "tokenizer");
  // An end-of-text id of one's own.
  Engine ending(m.model(), ops::Numerics::f32(), m.stream(), nullptr,
                {.end_tokens = std::vector{g.ids[2]}});
  const Generation ended = ending.run({{r.prompt, {.max_tokens = 5}, {}}}).front();
  EXPECT_EQ(ended.finish, FinishReason::end_of_text);
  EXPECT_LE(ended.ids.size(), 2u);
}

TEST(Engine, AllCanBeFailedAtOnce) {
  Engine engine(letters().model(), {.slots = 1});
  Request scored = request("a", 1);
  scored.targets = letters().ids("b");
  engine.submit(request("a", 9));
  engine.step();  // it writes; the others wait
  engine.submit(request("b", 9));
  engine.submit(scored);
  const auto error = std::make_exception_ptr(std::runtime_error("no more"));
  std::set<std::int64_t> numbers;
  for (const Engine::Completed& c : engine.fail_all(error)) {
    numbers.insert(c.number);
    EXPECT_EQ(c.generation.finish, FinishReason::failed);
    EXPECT_THROW(std::rethrow_exception(c.generation.error), std::runtime_error);
  }
  EXPECT_EQ(numbers, (std::set<std::int64_t>{0, 1, 2}));
  EXPECT_TRUE(engine.idle());
  EXPECT_EQ(engine.load().free_pages, engine.load().pages);
  EXPECT_EQ(engine.run({request("m", 2)}).front().text, "no");
}

TEST(Engine, ATextIsHeldToItsGrammar) {
  const LoadedModel& model = letters().model();
  const auto tokens =
      std::make_shared<const grammar::TokenTable>(model.tokenizer(), model.end_tokens());
  const std::vector<std::string> texts = {"bcx", "zz", "zza"};
  const auto masks =
      std::make_shared<const grammar::MaskCache>(grammar::choice_grammar(texts), tokens);
  Engine engine(model);
  Request greedy = request("a", 9), cut = request("a", 2);
  greedy.options.constraint = cut.options.constraint = masks;
  const std::vector<Generation> results = engine.run({greedy, cut, request("a", 2)});
  EXPECT_EQ(results[0].text, "bcx");  // x is all that may follow
  EXPECT_EQ(results[0].finish, FinishReason::end_of_text);
  EXPECT_EQ(results[1].text, "bc");
  EXPECT_EQ(results[1].finish, FinishReason::length);
  EXPECT_EQ(results[2].text, "bc");
  std::vector<Request> drawn;
  for (std::uint64_t seed = 0; seed < 60; ++seed) {
    drawn.push_back(greedy);
    drawn.back().options.sampling = {.temperature = 50, .seed = seed};
  }
  std::map<std::string, int> counts;
  for (const Generation& g : engine.run(drawn)) {
    ++counts[g.text];
    EXPECT_EQ(g.finish, FinishReason::end_of_text);
  }
  EXPECT_EQ(counts.size(), 3u);
  for (const auto& [text, count] : counts) EXPECT_EQ(std::ranges::count(texts, text), 1) << text;
  greedy.options.ignore_end_of_text = true;
  EXPECT_ERROR(engine.submit(greedy), ErrorCode::invalid_argument, "grammar");
}

// What lm-eval asks of a server: the scores of the prompt, and the likeliest tokens beside them.
TEST(Engine, ScoresOfThePromptAndTheLikeliestTokens) {
  const InMemory m;
  const std::vector<std::int32_t> prompt = {1, 2, 3, 17, 30, 4, 9};
  for (const std::int64_t piece : {100, 3}) {
    Engine engine(m.model(), ops::Numerics::f32(), m.stream(), nullptr,
                  {.slots = 2, .prompt_tokens = piece, .share_prefixes = true});
    Request r{prompt, {.max_tokens = 2, .log_probabilities = true, .top_tokens = 4}, {}};
    r.options.prompt_scores = true;
    Request only_scored = r;
    only_scored.options.max_tokens = 0;
    const std::vector<Generation> results = engine.run({r, only_scored, r});
    for (const Generation& g : results) {
      ASSERT_EQ(g.prompt.size(), prompt.size());
      EXPECT_TRUE(std::isnan(g.prompt[0].log_probability));
      for (std::size_t i = 1; i < prompt.size(); ++i) {
        const auto before = std::span(prompt).first(i);
        EXPECT_EQ(g.prompt[i].id, prompt[i]);
        EXPECT_NEAR(g.prompt[i].log_probability, m.log_probability(before, prompt[i]), 1e-5);
        ASSERT_EQ(g.prompt[i].top.size(), 4u);
        for (std::size_t k = 0; k < 4; ++k) {
          const TokenScore& other = g.prompt[i].top[k];
          EXPECT_NEAR(other.log_probability, m.log_probability(before, other.id), 1e-5);
          const TokenScore& before_it = g.prompt[i].top[k > 0 ? k - 1 : 0];
          EXPECT_LE(other.log_probability, before_it.log_probability);
        }
      }
      EXPECT_EQ(g.known_tokens, 0);
    }
    EXPECT_TRUE(results[1].ids.empty());
    EXPECT_EQ(results[1].finish, FinishReason::length);
    ASSERT_EQ(results[0].top.size(), 2u);
    EXPECT_EQ(results[0].top[0][0].id, results[0].ids[0]);  // greedy
    EXPECT_EQ(results[0].top[1][0].log_probability, results[0].log_probabilities[1]);
    EXPECT_EQ(results[2].ids, results[0].ids);
  }
}

TEST(Engine, ScoresGivenTokensBesideThoseThatWrite) {
  const InMemory m;
  Engine engine(m.model(), ops::Numerics::f32(), m.stream(), nullptr,
                {.slots = 1, .prompt_tokens = 12});
  std::vector<Request> requests;
  requests.push_back({{7}, {.max_tokens = 4}, {}});
  const std::vector<std::vector<std::int32_t>> prompts = {{4}, {1, 2, 3, 4, 5, 6}, {9, 9}, {30}};
  const std::vector<std::vector<std::int32_t>> targets = {{0, 30, 2}, {7}, {1, 2, 3, 4}, {30, 30}};
  for (std::size_t i = 0; i < prompts.size(); ++i) requests.push_back({prompts[i], {}, targets[i]});
  // As long as the context: the last target needs no place.
  requests.push_back({{1}, {}, std::vector<std::int32_t>(40, 3)});
  const std::vector<Generation> results = engine.run(requests);
  EXPECT_EQ(results[0].ids.size(), 4u);
  EXPECT_TRUE(results[0].log_probabilities.empty());
  EXPECT_EQ(results[5].log_probabilities.size(), 40u);
  for (std::size_t i = 0; i < prompts.size(); ++i) {
    const Generation& g = results[i + 1];
    EXPECT_TRUE(g.ids.empty());
    ASSERT_EQ(g.log_probabilities.size(), targets[i].size());
    std::vector<std::int32_t> ids = prompts[i];
    for (std::size_t t = 0; t < targets[i].size(); ++t) {
      EXPECT_NEAR(g.log_probabilities[t], m.log_probability(ids, targets[i][t]), 1e-5);
      ids.push_back(targets[i][t]);
    }
  }
}

TEST(Engine, RepeatedStepsAllocateNothing) {
  const InMemory m(64);
  Engine engine(m.model(), ops::Numerics::f32(), m.stream(), nullptr, {.slots = 3});
  for (std::int32_t i = 0; i < 3; ++i) {
    Request r{{1, i}, {.max_tokens = 60}, {}};
    r.options.sampling = {.temperature = 1, .seed = static_cast<std::uint64_t>(i)};
    engine.submit(r);
  }
  for (int i = 0; i < 3; ++i) engine.step();  // the prompts, a step that is logged, one that is not
  const std::int64_t before = engine.arena().heap_allocations();
  EXPECT_GT(before, 0);
  for (int i = 0; i < 50; ++i) engine.step();
  EXPECT_FALSE(engine.idle());
  EXPECT_EQ(engine.arena().heap_allocations(), before);
}

TEST(Forward, RepeatedPassesAllocateNothing) {
  const InMemory m;
  Forward forward(m.model(), ops::Numerics::f32(), m.stream());
  const std::vector<std::int32_t> ids = {1, 2, 3, 4, 5, 6}, targets = {6, 7};
  const auto all = [&] {
    forward.logits(ids);
    forward.states(ids);
    return forward.token_losses(ids, 4, targets);
  };
  const std::vector<double> losses = all();
  const std::int64_t before = forward.arena().heap_allocations();
  for (int i = 0; i < 3; ++i) EXPECT_EQ(all(), losses);
  EXPECT_EQ(forward.arena().heap_allocations(), before);
  EXPECT_NEAR(losses[0], -m.log_probability(std::span(ids).first(5), 6), 1e-5);
  EXPECT_NEAR(losses[1], -m.log_probability(ids, 7), 1e-5);
  EXPECT_ERROR(forward.logits(std::span<const std::int32_t>()), ErrorCode::invalid_argument,
               "1 to 40");
  EXPECT_ERROR(forward.states(std::vector<std::int32_t>{31}), ErrorCode::invalid_argument, "31");
}

TEST(CachedPass, RefusesSlotsThatAreNot) {
  const InMemory m;
  CachedPass pass(m.model(), ops::Numerics::f32(), m.stream(), {.slots = 2, .capacity = 8});
  const std::vector<std::int32_t> ids = {1, 2};
  const CachedPass::Part part{2, ids};
  EXPECT_ERROR(pass.run({&part, 1}, {}), ErrorCode::invalid_argument, "slot 2 of 2");
}

}  // namespace
}  // namespace stemma::infer
