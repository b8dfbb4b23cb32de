// What a request gets from the engine is a function of the request alone: not of the others, of the
// slots, of how prompts are cut into passes, or of threads.
#include <algorithm>
#include <cmath>
#include <memory>

#include <gtest/gtest.h>

#include "infer/engine.h"
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
  infer::Generation alone(const infer::Request& request) const {
    Stream stream(1);
    ops::Context ctx(stream, numerics_);
    infer::TokenSampler sampler(request.options.sampling);
    std::vector<std::int32_t> ids = request.prompt;
    infer::Generation result;
    while (std::ssize(result.ids) < request.options.max_tokens) {
      Batch batch;
      infer::append(batch, ids);
      nn::FullAttention attention(batch);
      const Tensor h = model_->forward({ctx, batch, attention});
      const Tensor logits = model_->head().logits(ctx, h.slice_rows(h.rows() - 1, h.rows()));
      const std::span<const float> row(logits.data<float>(),
                                       static_cast<std::size_t>(config_.vocab));
      const std::int32_t id = sampler.next(row, ids);
      double highest = -1e30, sum = 0;
      for (const float x : row) highest = std::max(highest, static_cast<double>(x));
      for (const float x : row) sum += std::exp(static_cast<double>(x) - highest);
      result.log_probabilities.push_back(static_cast<double>(row[static_cast<std::size_t>(id)]) -
                                         highest - std::log(sum));
      ids.push_back(id);
      result.ids.push_back(id);
    }
    return result;
  }

  ScopedKernelPath path_;
  ModelConfig config_;
  ops::Numerics numerics_;
  nn::FreshWeights source_{9};
  std::unique_ptr<Model> model_;
};

// The log-probabilities are sums over all logits of a row: equal bits of theirs are equal bits of
// those.
TEST_P(EngineIdentity, TogetherEqualsAlone) {
  std::vector<infer::Generation> wanted;
  for (const infer::Request& r : requests()) wanted.push_back(alone(r));
  struct Setting {
    int threads;
    std::int64_t slots, prompt_tokens;
  };
  for (const Setting s :
       {Setting{1, 1, 2048}, {1, 8, 2048}, {2, 8, 100}, {3, 3, 33}, {2, 5, 2048}}) {
    SCOPED_TRACE(testing::Message() << s.threads << " threads, " << s.slots << " slots, prompts by "
                                    << s.prompt_tokens);
    Stream stream(s.threads);
    infer::Engine engine(*model_, numerics_, stream, nullptr,
                         {.slots = s.slots, .prompt_tokens = s.prompt_tokens});
    const std::vector<infer::Generation> got = engine.run(requests());
    for (std::size_t i = 0; i < wanted.size(); ++i) {
      EXPECT_EQ(got[i].ids, wanted[i].ids) << "request " << i;
      EXPECT_EQ(got[i].log_probabilities, wanted[i].log_probabilities) << "request " << i;
    }
  }
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
                                          testing::Values("gpt2", "gpt1"), testing::Bool()),
                         name_of);

}  // namespace
}  // namespace stemma
