// Two models on one tape: each parameter's gradient goes to its own model, whatever their numbers.
#include <algorithm>
#include <memory>

#include <gtest/gtest.h>

#include "models/model.h"
#include "nn/attention_state.h"
#include "nn/fresh_weights.h"
#include "nn/parameters.h"
#include "ops/tape.h"
#include "tests/base/expect_error.h"

namespace stemma {
namespace {

ModelConfig two_models_config(std::int64_t channels) {
  ModelConfig c;
  c.family = "gpt2";
  c.vocab = 40;
  c.context = 16;
  c.channels = channels;
  c.heads = 2;
  c.layers = 2;
  c.hidden = 2 * channels;
  c.weight_std = 0.2;
  return c;
}

// A model with its parameters: trainable, and bound to a tape when told so.
struct Trained {
  Trained(std::int64_t channels, std::uint64_t seed, const nn::Trainable& trainable = {})
      : source(seed),
        stream(1),
        parameters(
            [&](nn::WeightSource& s) { model = build_model(two_models_config(channels), s); },
            source, stream, trainable) {}
  void bind(ops::Tape& tape) const {
    tape.bind(parameters.storage(), parameters.gradient_tensors());
  }
  std::vector<float> take_gradients() {
    const std::span<float> all = parameters.gradients();
    std::vector<float> values(all.begin(), all.end());
    std::fill(all.begin(), all.end(), 0.0f);
    return values;
  }

  nn::FreshWeights source;
  Stream stream;
  std::unique_ptr<Model> model;
  nn::Parameters parameters;
};

bool all_zero(const std::vector<float>& values) {
  return std::all_of(values.begin(), values.end(), [](float v) { return v == 0; });
}

class TwoModels : public testing::TestWithParam<ops::Recompute> {
 protected:
  static Batch twelve_tokens() {
    Batch batch;
    for (std::int32_t t = 0; t < 12; ++t) {
      batch.ids.push_back(7 * t % 40);
      batch.positions.push_back(t);
      batch.targets.push_back((7 * t + 7) % 40);
    }
    batch.offsets = {0, 12};
    return batch;
  }
  Tensor loss_of(ops::Context& ctx, const Model& model, double scale) {
    return model.head().loss(ctx, model.forward({ctx, batch_, attention_}), batch_.targets, scale);
  }
  // The gradients of one model on a tape of its own.
  std::vector<float> alone(Trained& trained, double scale) {
    ops::Context ctx(stream_);
    ops::Tape tape(ctx, GetParam());
    trained.bind(tape);
    ctx.set_tape(&tape);
    tape.backward(loss_of(ctx, *trained.model, scale));
    return trained.take_gradients();
  }

  Stream stream_{2};
  const Batch batch_ = twelve_tokens();
  nn::FullAttention attention_{batch_};
  Trained policy_{24, 1}, value_{16, 2};
};

TEST_P(TwoModels, BothTrainedGetTheGradientsOfTwoTapes) {
  const std::vector<float> policy = alone(policy_, 0.1), value = alone(value_, 0.03);
  ASSERT_FALSE(all_zero(policy));
  ASSERT_FALSE(all_zero(value));
  ops::Context ctx(stream_);
  ops::Tape tape(ctx, GetParam());
  policy_.bind(tape);
  value_.bind(tape);
  ctx.set_tape(&tape);
  for (int round = 0; round < 2; ++round) {  // the binding stays over reset()
    const Tensor h = policy_.model->forward({ctx, batch_, attention_});
    const Tensor second = loss_of(ctx, *value_.model, 0.03);
    const Tensor first = policy_.model->head().loss(ctx, h, batch_.targets, 0.1);
    tape.backward({first, second});
    EXPECT_EQ(policy_.take_gradients(), policy);
    EXPECT_EQ(value_.take_gradients(), value);
    tape.reset();
  }
}

// The reference has the policy's shapes, so its parameters have the policy's numbers.
TEST_P(TwoModels, ATrainableReferenceThatWasNotBoundIsRefused) {
  Trained reference(24, 3);
  ops::Context ctx(stream_);
  ops::Tape tape(ctx, GetParam());
  policy_.bind(tape);
  ctx.set_tape(&tape);
  EXPECT_ERROR(loss_of(ctx, *reference.model, 0.1), ErrorCode::invalid_argument,
               "was not bound to this tape");
  tape.reset();
  const Tensor h = reference.model->forward({ctx, batch_, attention_});
  EXPECT_ERROR(tape.backward(h), ErrorCode::invalid_argument, "was not bound to this tape");
  EXPECT_TRUE(all_zero(policy_.take_gradients()));
  EXPECT_TRUE(all_zero(reference.take_gradients()));
}

TEST_P(TwoModels, AFrozenReferenceGetsNoGradient) {
  const std::vector<float> policy = alone(policy_, 0.1);
  nn::FreshWeights source(3);
  const std::unique_ptr<Model> reference = build_model(two_models_config(24), source);
  ops::Context ctx(stream_);
  ops::Tape tape(ctx, GetParam());
  policy_.bind(tape);
  ctx.set_tape(&tape);
  const Tensor first = loss_of(ctx, *policy_.model, 0.1);
  const Tensor hidden = reference->forward({ctx, batch_, attention_});
  EXPECT_EQ(hidden.variable(), 0);
  EXPECT_EQ(reference->head().loss(ctx, hidden, batch_.targets, 0.1).variable(), 0);
  tape.backward(first);
  EXPECT_EQ(policy_.take_gradients(), policy);
}

// Only the last block is trained: what lies below is no variable, also where blocks run again.
TEST_P(TwoModels, TheTopOfAModelGetsTheGradientsOfTheWhole) {
  const auto in_last_block = [](std::string_view name) { return name.starts_with("blocks.1."); };
  Trained top(24, 1, in_last_block);
  ops::Context ctx(stream_);
  ops::Tape tape(ctx, GetParam());
  policy_.bind(tape);
  ctx.set_tape(&tape);
  tape.backward(loss_of(ctx, *policy_.model, 0.1));
  tape.reset();
  top.bind(tape);
  tape.backward(loss_of(ctx, *top.model, 0.1));
  std::size_t compared = 0;
  for (const nn::Parameter& whole : policy_.parameters.list())
    for (const nn::Parameter& part : top.parameters.list()) {
      if (whole.spec.name != part.spec.name) continue;
      ++compared;
      for (std::int64_t i = 0; i < part.gradient.elements(); ++i)
        ASSERT_EQ(part.gradient.data<float>()[i], whole.gradient.data<float>()[i])
            << part.spec.name << " " << i;
    }
  EXPECT_EQ(compared, 12u);
  EXPECT_EQ(compared, top.parameters.list().size());
}

INSTANTIATE_TEST_SUITE_P(, TwoModels,
                         testing::Values(ops::Recompute::none, ops::Recompute::activations,
                                         ops::Recompute::blocks));

}  // namespace
}  // namespace stemma
