#include "train/adamw.h"

#include <cmath>
#include <limits>

#include <gtest/gtest.h>

#include "base/error.h"
#include "nn/fresh_weights.h"
#include "tests/base/expect_error.h"

namespace stemma::train {
namespace {

// A matrix of ones [2, 3] and a vector of ones [3].
struct TwoParameters {
  nn::FreshWeights source{1};
  Stream stream{1};
  nn::Parameters parameters{[](nn::WeightSource& from) {
                              from.load({"matrix", {2, 3}, nn::Init::ones(), nn::Role::matrix, {}});
                              from.load({"vector", {3}, nn::Init::ones(), nn::Role::vector, {}});
                            },
                            source, stream};

  void set_gradients(float value) {
    for (const nn::Parameter& p : parameters.list())
      for (std::int64_t i = 0; i < p.gradient.elements(); ++i) p.gradient.data<float>()[i] = value;
  }
  float weight(std::size_t index) const { return parameters.list()[index].value.data<float>()[0]; }
  float first_moment(const AdamW& optimizer) const {
    return optimizer.state().front().tensor.data<float>()[0];
  }
};

// Nine gradients of g have the norm 3 g; the first moment after one step is 0.1 · the clipped g.
TEST(AdamW, ClipsAboveTheThresholdOnly) {
  for (const auto& [gradient, clip, wanted] :
       {std::tuple{0.3f, 1.0, 0.3}, {0.4f, 1.0, 1.0 / 3}, {0.4f, 1.21, 0.4}, {40.f, 0.0, 40.0}}) {
    TwoParameters model;
    AdamW optimizer(model.parameters, {.clip = clip});
    model.set_gradients(gradient);
    EXPECT_NEAR(optimizer.step(model.stream, 1e-3, 1), 3 * gradient, 1e-5);
    EXPECT_NEAR(model.first_moment(optimizer), 0.1 * wanted, 1e-6 * wanted) << gradient;
  }
}

TEST(AdamW, DecaysMatricesOnly) {
  TwoParameters model;
  AdamW optimizer(model.parameters, {.weight_decay = 0.5});
  optimizer.step(model.stream, 0.1, 1);  // no gradient: decay alone
  EXPECT_NEAR(model.weight(0), 1 - 0.1 * 0.5, 1e-7);
  EXPECT_EQ(model.weight(1), 1.0f);
}

TEST(AdamW, TheFirstStepIsTheLearningRate) {
  TwoParameters model;
  AdamW optimizer(model.parameters, {.weight_decay = 0});
  model.set_gradients(-0.01f);
  optimizer.step(model.stream, 0.25, 1);
  EXPECT_NEAR(model.weight(0), 1.25, 1e-5);
  for (float g : model.parameters.gradients()) EXPECT_EQ(g, 0.0f);
}

TEST(AdamW, ANormThatIsNotFiniteChangesNothing) {
  TwoParameters model;
  AdamW optimizer(model.parameters, {});
  model.set_gradients(std::numeric_limits<float>::infinity());
  EXPECT_FALSE(std::isfinite(optimizer.step(model.stream, 0.25, 1)));
  EXPECT_EQ(model.weight(0), 1.0f);
  EXPECT_EQ(model.first_moment(optimizer), 0.0f);
}

TEST(AdamW, RestoresItsMoments) {
  TwoParameters model, other;
  AdamW optimizer(model.parameters, {}), restored(other.parameters, {});
  model.set_gradients(0.2f);
  optimizer.step(model.stream, 0.1, 1);
  restored.restore(optimizer.state());
  EXPECT_EQ(model.first_moment(optimizer), other.first_moment(restored));

  auto incomplete = optimizer.state();
  incomplete.pop_back();
  EXPECT_ERROR(restored.restore(incomplete), ErrorCode::corrupt, "v.vector");
  auto reshaped = optimizer.state();
  reshaped[0].tensor = Tensor::zeros({3, 2}, DType::f32);
  EXPECT_ERROR(restored.restore(reshaped), ErrorCode::corrupt, "m.matrix");
}

}  // namespace
}  // namespace stemma::train
