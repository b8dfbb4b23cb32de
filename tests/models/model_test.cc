#include "models/model.h"

#include <cmath>
#include <map>
#include <optional>

#include <gtest/gtest.h>

#include "models/cost.h"
#include "models/family.h"
#include "nn/fresh_weights.h"
#include "nn/parameters.h"
#include "tests/base/expect_error.h"

namespace stemma {
namespace {

ModelConfig small(const std::string& family) {
  ModelConfig c = family_named(family).defaults();
  c.vocab = 1000;
  c.context = 64;
  c.channels = 96;
  c.heads = 4;
  c.layers = 3;
  c.hidden = 384;
  return c;
}

struct Moments {
  double mean = 0, stddev = 0;
  std::int64_t count = 0;
};

std::map<std::string, Moments> fresh_moments(const ModelConfig& config) {
  nn::FreshWeights source(7);
  Stream stream(1);
  std::unique_ptr<Model> model;
  const nn::Parameters parameters([&](nn::WeightSource& s) { model = build_model(config, s); },
                                  source, stream);
  std::map<std::string, Moments> all;
  std::int64_t total = 0;
  for (const nn::Parameter& p : parameters.list()) {
    double sum = 0, squares = 0;
    for (std::int64_t i = 0; i < p.value.elements(); ++i) {
      const auto v = static_cast<double>(p.value.data<float>()[i]);
      sum += v;
      squares += v * v;
    }
    const auto n = static_cast<double>(p.value.elements());
    all[p.spec.name] = {sum / n, std::sqrt(squares / n - sum * sum / n / n), p.value.elements()};
    total += p.value.elements();
  }
  EXPECT_EQ(total, ModelCost(config).parameters());
  return all;
}

// N(0, stddev²), within five standard errors of mean and deviation.
void expect_normal(const std::map<std::string, Moments>& all, const std::string& name,
                   double stddev) {
  ASSERT_TRUE(all.contains(name)) << name;
  const Moments& m = all.at(name);
  const auto n = static_cast<double>(m.count);
  EXPECT_NEAR(m.mean, 0, 5 * stddev / std::sqrt(n)) << name;
  EXPECT_NEAR(m.stddev, stddev, 5 * stddev / std::sqrt(2 * n)) << name;
}

void expect_constant(const std::map<std::string, Moments>& all, const std::string& name,
                     double value) {
  ASSERT_TRUE(all.contains(name)) << name;
  EXPECT_EQ(all.at(name).mean, value) << name;
  EXPECT_EQ(all.at(name).stddev, 0) << name;
}

void expect_block(const std::map<std::string, Moments>& all, int layer, double residual_std) {
  const std::string block = "blocks." + std::to_string(layer) + ".";
  for (const char* norm : {"norm1", "norm2"}) {
    expect_constant(all, block + norm + ".gain", 1);
    expect_constant(all, block + norm + ".bias", 0);
  }
  for (const char* linear :
       {"attention.qkv", "attention.out", "feed_forward.up", "feed_forward.down"})
    expect_constant(all, block + linear + ".bias", 0);
  expect_normal(all, block + "attention.qkv.weight", 0.02);
  expect_normal(all, block + "feed_forward.up.weight", 0.02);
  expect_normal(all, block + "attention.out.weight", residual_std);
  expect_normal(all, block + "feed_forward.down.weight", residual_std);
}

// Radford et al. 2019, 2.3: layers that write to the residual stream scaled by 1/√N, N = 2 L = 6.
TEST(Model, FreshGpt2) {
  ModelConfig config = small("gpt2");
  config.position_std = 0.01;  // OpenAI's code
  const auto all = fresh_moments(config);
  EXPECT_EQ(all.size(), 2u + 3 * 12 + 2);
  expect_normal(all, "embedding.tokens", 0.02);
  expect_normal(all, "embedding.positions", 0.01);
  for (int layer = 0; layer < 3; ++layer) expect_block(all, layer, 0.02 / std::sqrt(6.0));
  expect_constant(all, "final_norm.gain", 1);
  expect_constant(all, "final_norm.bias", 0);
}

TEST(Model, FreshGpt1) {
  const auto all = fresh_moments(small("gpt1"));
  EXPECT_EQ(all.size(), 2u + 3 * 12);
  expect_normal(all, "embedding.tokens", 0.02);
  expect_normal(all, "embedding.positions", 0.02);
  for (int layer = 0; layer < 3; ++layer) expect_block(all, layer, 0.02);
}

TEST(Model, FreshBert) {
  const auto all = fresh_moments(small("bert"));
  EXPECT_EQ(all.size(), 5u + 3 * 12 + 2 + 5 + 2);
  expect_normal(all, "embedding.tokens", 0.02);
  expect_normal(all, "embedding.positions", 0.02);
  expect_normal(all, "embedding.segments", 0.02);
  expect_constant(all, "embedding.norm.gain", 1);
  expect_constant(all, "embedding.norm.bias", 0);
  for (int layer = 0; layer < 3; ++layer) expect_block(all, layer, 0.02);
  for (const char* head : {"pooler", "head.transform", "pair_head"}) {
    expect_normal(all, std::string(head) + ".weight", 0.02);
    expect_constant(all, std::string(head) + ".bias", 0);
  }
  expect_constant(all, "head.norm.gain", 1);
  expect_constant(all, "head.norm.bias", 0);
  expect_constant(all, "head.bias", 0);
}

TEST(Model, SaysWhichHeadsItHas) {
  nn::FreshWeights source(1);
  const auto gpt = build_model(small("gpt2"), source);
  EXPECT_TRUE(gpt->has_token_head());
  EXPECT_FALSE(gpt->has_pooler());
  EXPECT_FALSE(gpt->has_pair_head());
  EXPECT_ERROR(gpt->pooler(), ErrorCode::unsupported, "gpt2");
  ModelConfig bare = small("bert");
  bare.token_head = bare.head_bias = bare.pair_head = false;
  const auto encoder = build_model(bare, source);
  EXPECT_FALSE(encoder->has_token_head());
  EXPECT_TRUE(encoder->has_pooler());
  EXPECT_ERROR(encoder->head(), ErrorCode::unsupported, "bert");
  EXPECT_ERROR(encoder->pair_head(), ErrorCode::unsupported, "next-sentence");
}

// A token sees those that come later, and the segments change its state.
TEST(Model, BertReadsTheWholeText) {
  nn::FreshWeights source(1);
  const auto model = build_model(small("bert"), source);
  Stream stream(1);
  ops::Context ctx(stream);
  const auto first_state = [&](std::int32_t last, std::vector<std::int32_t> segments) {
    Batch batch;
    batch.ids = {7, 8, last};
    batch.positions = {0, 1, 2};
    batch.offsets = {0, 3};
    batch.segments = std::move(segments);
    nn::FullAttention attention(batch);
    const Tensor h = model->forward({ctx, batch, attention});
    return std::vector<float>(h.data<float>(), h.data<float>() + h.cols());
  };
  const auto state = first_state(9, {});
  EXPECT_EQ(state, first_state(9, {0, 0, 0}));
  EXPECT_NE(state, first_state(10, {}));
  EXPECT_NE(state, first_state(9, {0, 0, 1}));
  EXPECT_ERROR(first_state(9, {0, 1}), ErrorCode::invalid_argument, "a segment for each");
  EXPECT_ERROR(first_state(9, {0, 0, 2}), ErrorCode::invalid_argument, "2");
}

TEST(Model, AFreshUntiedHeadWithBias) {
  ModelConfig config = small("gpt2");
  config.tied_head = false;
  config.head_bias = true;
  const auto all = fresh_moments(config);
  expect_normal(all, "head.weight", 0.02);
  expect_constant(all, "head.bias", 0);
}

// A fresh model knows nothing: its loss is that of a uniform guess, but for its small logits.
TEST(Model, FirstLossIsThatOfAGuess) {
  for (const char* family : {"gpt2", "gpt1", "bert"}) {
    const ModelConfig config = small(family);
    nn::FreshWeights source(1);
    const std::unique_ptr<Model> model = build_model(config, source);
    Stream stream(1);
    ops::Context ctx(stream);
    Batch batch;
    for (std::int32_t t = 0; t < 64; ++t) {
      batch.ids.push_back(t * 37 % 1000);
      batch.targets.push_back((t + 1) * 37 % 1000);
      batch.positions.push_back(t);
    }
    batch.offsets = {0, 64};
    nn::FullAttention attention(batch);
    const Tensor h = model->forward({ctx, batch, attention});
    EXPECT_NEAR(*model->head().loss(ctx, h, batch.targets, 1.0 / 64).data<double>(),
                std::log(1000.0), 0.2);
  }
}

TEST(Model, IdsAndPositionsOutsideTheModelAreErrors) {
  nn::FreshWeights source(1);
  const std::unique_ptr<Model> model = build_model(small("gpt2"), source);
  Stream stream(1);
  ops::Context ctx(stream);
  const auto run = [&](std::int32_t id, std::int32_t position) {
    Batch batch;
    batch.ids = {id};
    batch.positions = {position};
    batch.offsets = {0, 1};
    nn::FullAttention attention(batch);
    model->forward({ctx, batch, attention});
  };
  run(999, 63);
  EXPECT_ERROR(run(1000, 0), ErrorCode::invalid_argument, "1000");
  EXPECT_ERROR(run(-1, 0), ErrorCode::invalid_argument, "-1");
  EXPECT_ERROR(run(0, 64), ErrorCode::invalid_argument, "64");
  EXPECT_ERROR(run(0, -1), ErrorCode::invalid_argument, "-1");
}

TEST(Model, AnImpossibleConfigurationIsAnError) {
  ModelConfig config = small("gpt2");
  config.heads = 5;
  nn::FreshWeights source(1);
  EXPECT_ERROR(build_model(config, source), ErrorCode::invalid_argument, "heads");
}

}  // namespace
}  // namespace stemma
