// What a request gets from the engine is a function of the request alone: not of the others, of the
// slots, of how prompts are cut into passes, or of threads. So it is with a prefix, a prompt or
// bottlenecks beside the model.
#include <algorithm>
#include <cmath>
#include <memory>

#include <gtest/gtest.h>

#include "checkpoint/adapter_targets.h"
#include "infer/engine.h"
#include "nn/virtual_tokens.h"
#include "tests/base/expect_error.h"
#include "tests/identity/support.h"

namespace stemma {
namespace {

class EngineIdentity : public testing::TestWithParam<PathCase> {
 protected:
  EngineIdentity()
      : path_(std::get<0>(GetParam())),
        config_(small_config(std::get<1>(GetParam()))),
        numerics_(std::get<2>(GetParam()) ? ops::Numerics::bf16() : ops::Numerics::f32()),
        model_(build_model(config_, source_)) {}

  // Prompts from one token to more than a chunk of 256 keys, greedy and drawn, short and long.
  std::vector<infer::Request> requests() const {
    std::vector<infer::Request> list;
    const std::vector<std::int64_t> prompts = {1, 37, 270, 5, 120, 2, 64, 251},
                                    counts = {20, 3, 12, 30, 1, 9, 17, 11};
    for (std::size_t i = 0; i < prompts.size(); ++i) {
      infer::Request r;
      for (std::int64_t t = 0; t < prompts[i]; ++t)
        r.prompt.push_back(random_id(static_cast<std::int64_t>(i), t, config_.vocab));
      r.options.max_tokens = counts[i];
      r.options.log_probabilities = true;
      r.options.sampling.temperature = i % 2 ? 0.9 : 0;
      r.options.sampling.top_p = i % 3 ? 0.95 : 1;
      r.options.sampling.repetition_penalty = i % 4 == 3 ? 1.3 : 1;
      r.options.sampling.seed = i;
      list.push_back(r);
    }
    return list;
  }

  // By hand: a pass over everything for each token.
  infer::Generation alone(const infer::Request& request, const nn::Adapters* adapters) const {
    Stream stream(1);
    ops::Context ctx(stream, numerics_);
    infer::TokenSampler sampler(request.options.sampling);
    std::vector<std::int32_t> ids = request.prompt;
    infer::Generation result;
    while (std::ssize(result.ids) < request.options.max_tokens) {
      Batch tokens;
      infer::append(tokens, ids);
      const Batch batch = nn::with_virtual_tokens(tokens, adapters);
      nn::PrefixAttention attention(batch, adapters);
      const Tensor h = model_->forward({ctx, batch, attention, adapters});
      const Tensor logits = model_->head().logits(ctx, h.slice_rows(h.rows() - 1, h.rows()));
      const std::span<const float> row(logits.data<float>(),
                                       static_cast<std::size_t>(config_.vocab));
      const std::int32_t id = sampler.next({.logits = row, .ids = ids});
      result.log_probabilities.push_back(infer::score_token(row, id).log_probability);
      ids.push_back(id);
      result.ids.push_back(id);
    }
    return result;
  }

  struct Setting {
    int threads;
    std::int64_t slots, prompt_tokens;
  };
  std::vector<infer::Generation> together(std::vector<infer::Request> list,
                                          const nn::Adapters* adapters, const Setting& s) const {
    Stream stream(s.threads);
    infer::Engine engine(*model_, numerics_, stream, nullptr,
                         {.slots = s.slots, .prompt_tokens = s.prompt_tokens}, adapters);
    return engine.run(std::move(list));
  }

  // The log-probabilities are sums over all logits of a row: equal bits of theirs are equal bits of
  // those.
  void expect_together_is_alone(const std::vector<infer::Request>& list,
                                const nn::Adapters* adapters) const {
    std::vector<infer::Generation> wanted;
    for (const infer::Request& r : list) wanted.push_back(alone(r, adapters));
    for (const Setting s :
         {Setting{1, 1, 2048}, {1, 8, 2048}, {2, 8, 100}, {3, 3, 33}, {2, 5, 2048}}) {
      SCOPED_TRACE(testing::Message() << s.threads << " threads, " << s.slots
                                      << " slots, prompts by " << s.prompt_tokens);
      const std::vector<infer::Generation> got = together(list, adapters, s);
      for (std::size_t i = 0; i < wanted.size(); ++i) {
        EXPECT_EQ(got[i].ids, wanted[i].ids) << "request " << i;
        EXPECT_EQ(got[i].log_probabilities, wanted[i].log_probabilities) << "request " << i;
      }
    }
  }

  ScopedKernelPath path_;
  ModelConfig config_;
  ops::Numerics numerics_;
  nn::FreshWeights source_{9};
  std::unique_ptr<Model> model_;
};

TEST_P(EngineIdentity, TogetherEqualsAlone) { expect_together_is_alone(requests(), nullptr); }

TEST_P(EngineIdentity, TogetherEqualsAloneWithAnAdapter) {
  using Kind = nn::AdapterSpec::Kind;
  LargeNumbers numbers(3);
  const std::vector<infer::Generation> plain = together(requests(), nullptr, {2, 8, 2048});
  for (const nn::AdapterSpec& spec : {checkpoint::virtual_token_spec(config_, Kind::prefix, 5),
                                      checkpoint::virtual_token_spec(config_, Kind::prompt, 7),
                                      checkpoint::bottleneck_spec(config_, 4)}) {
    const nn::Adapter adapter(numbers, spec);
    const nn::Adapters adapters{{&adapter}};
    SCOPED_TRACE(testing::Message() << "kind " << static_cast<int>(spec.kind));
    expect_together_is_alone(requests(), &adapters);
    const std::vector<infer::Generation> adapted = together(requests(), &adapters, {2, 8, 2048});
    for (std::size_t i = 0; i < plain.size(); ++i)
      EXPECT_NE(adapted[i].log_probabilities, plain[i].log_probabilities) << "request " << i;
  }
}

// One engine, requests with adapters of every kind and without, prompts that begin alike: none of
// them reads what another adapter has computed, or notices the others.
TEST_P(EngineIdentity, MixedAdaptersEqualAlone) {
  using Kind = nn::AdapterSpec::Kind;
  LargeNumbers numbers(3);
  std::vector<std::shared_ptr<const nn::Adapter>> adapters = {nullptr};
  for (const nn::AdapterSpec& spec : {checkpoint::virtual_token_spec(config_, Kind::prefix, 5),
                                      checkpoint::virtual_token_spec(config_, Kind::prompt, 7),
                                      checkpoint::bottleneck_spec(config_, 4)})
    adapters.push_back(std::make_shared<const nn::Adapter>(numbers, spec));
  std::vector<infer::Request> list = requests();
  const std::vector<std::int32_t> text = list[2].prompt;
  for (std::size_t i = 0; i < list.size(); ++i) {
    list[i].prompt.assign(text.begin(), text.begin() + 240 + static_cast<std::ptrdiff_t>(i));
    list[i].options.max_tokens = 4;
    list[i].adapter = adapters[i % adapters.size()];
  }
  std::vector<infer::Generation> wanted;
  for (const infer::Request& r : list) {
    const nn::Adapters own{{r.adapter.get()}};
    wanted.push_back(alone(r, r.adapter ? &own : nullptr));
  }
  for (const std::int64_t slots : {1, 3, 8}) {
    Stream stream(2);
    infer::Engine engine(
        *model_, numerics_, stream, nullptr,
        {.slots = slots, .cache_tokens = 8192, .prompt_tokens = 300, .share_prefixes = true});
    for (int round = 0; round < 2; ++round) {  // the second one finds the first one's keys
      const std::vector<infer::Generation> got = engine.run(list);
      for (std::size_t i = 0; i < wanted.size(); ++i) {
        EXPECT_EQ(got[i].ids, wanted[i].ids) << "request " << i;
        EXPECT_EQ(got[i].log_probabilities, wanted[i].log_probabilities) << "request " << i;
      }
      if (round > 0) {
        EXPECT_GT(got.back().known_tokens, 200);
      }
    }
    std::vector<infer::Request> scored = list;
    for (infer::Request& r : scored) {
      r.targets = {r.prompt.back(), 1, 2};
      r.prompt.resize(20);
    }
    const std::vector<infer::Generation> scores = engine.run(scored);
    EXPECT_NE(scores[0].log_probabilities, scores[1].log_probabilities);
    for (std::size_t i = 0; i < list.size(); ++i)
      EXPECT_EQ(engine.run({scored[i]}).front().log_probabilities, scores[i].log_probabilities);
  }
}

// Positions that the virtual tokens take are no room for a text.
TEST_P(EngineIdentity, VirtualTokensTakePositionsOfTheContext) {
  LargeNumbers numbers(3);
  const nn::Adapter adapter(
      numbers, checkpoint::virtual_token_spec(config_, nn::AdapterSpec::Kind::prompt, 50));
  const nn::Adapters adapters{{&adapter}};
  Stream stream(1);
  infer::Engine engine(*model_, numerics_, stream, nullptr, {.slots = 1}, &adapters);
  infer::Request r;
  r.prompt.assign(251, 1);
  EXPECT_ERROR(engine.submit(r), ErrorCode::invalid_argument, "the model's context holds 250");
  r.prompt.pop_back();
  r.options.max_tokens = 9;
  const infer::Generation last = engine.run({r}).front();
  EXPECT_EQ(last.ids.size(), 1u);  // it needs no place
  EXPECT_EQ(last.finish, infer::FinishReason::context);
}

TEST_P(EngineIdentity, ScoredTogetherEqualsAlone) {
  std::vector<infer::Request> list = requests();
  for (infer::Request& r : list) {
    const std::size_t cut = (r.prompt.size() + 1) / 2;
    r.targets.assign(r.prompt.begin() + static_cast<std::ptrdiff_t>(cut), r.prompt.end());
    r.targets.push_back(r.prompt.front());
    r.prompt.resize(cut);
  }
  std::vector<infer::Generation> wanted;
  {
    Stream stream(1);
    infer::Engine engine(*model_, numerics_, stream, nullptr, {.slots = 1});
    for (const infer::Request& r : list) wanted.push_back(std::move(engine.run({r}).front()));
  }
  for (const std::int64_t tokens : {1, 150, 4096}) {
    Stream stream(2);
    infer::Engine engine(*model_, numerics_, stream, nullptr,
                         {.slots = 1, .prompt_tokens = tokens});
    const std::vector<infer::Generation> got = engine.run(list);
    for (std::size_t i = 0; i < list.size(); ++i) {
      EXPECT_EQ(got[i].log_probabilities, wanted[i].log_probabilities) << "request " << i;
      EXPECT_EQ(got[i].log_probabilities.size(), list[i].targets.size());
    }
  }
}

INSTANTIATE_TEST_SUITE_P(All, EngineIdentity,
                         testing::Combine(testing::ValuesIn(available_kernel_paths()),
                                          testing::Values("gpt2", "gpt1", "llama", "gpt3"),
                                          testing::Bool()),
                         name_of);

}  // namespace
}  // namespace stemma
