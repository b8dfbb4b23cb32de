// What the trainer owes every objective, and an objective that is not in the house.
#include "train/trainer.h"

#include <atomic>
#include <cmath>
#include <csignal>
#include <map>
#include <memory>

#include <gtest/gtest.h>

#include "kernels/elementwise.h"
#include "nn/fresh_weights.h"
#include "tests/base/expect_error.h"
#include "tests/identity/support.h"

namespace stemma::train {
namespace {

TrainingCase small_case(const std::string& family) {
  TrainingCase c;
  c.config = small_config(family);
  c.config.channels = 24;
  c.config.hidden = 96;
  c.config.context = 48;
  c.numerics = ops::Numerics::f32();
  return c;
}

// The same eight short sequences in every eight, so that there is something to learn.
class Repeated final : public BatchSource {
 public:
  Repeated(std::int64_t vocab, bool masked) : random_(vocab, 40, masked) {}
  std::int64_t sequence_length() const override { return random_.sequence_length(); }
  void fill(std::int64_t first, std::int64_t count, std::int64_t first_number,
            Batch& batch) const override {
    random_.fill(first % 8, count, first_number, batch);
  }
  Counts counts(std::int64_t first, std::int64_t count) const override {
    return random_.counts(first % 8, count);
  }

 private:
  RandomBatches random_;
};

std::shared_ptr<const Objective> objective_of(const TrainingCase& c) {
  auto batches = std::make_shared<Repeated>(c.config.vocab, !c.config.causal);
  if (c.config.causal) return std::make_shared<NextToken>(std::move(batches));
  return std::make_shared<MaskedTokens>(batches, true, MaskedTokens::Validation{batches, 5});
}

std::map<std::string, std::vector<float>> weights_of(const Trainer& trainer) {
  std::map<std::string, std::vector<float>> all;
  for (const auto& w : trainer.weights()) all[w.name] = values(w.tensor);
  return all;
}

TEST(Trainer, AnInterruptBetweenMicroBatchesLeavesTheWeights) {
  const TrainingCase c = small_case("gpt2");
  std::atomic<int> signal{0};
  TrainerSettings settings = c.settings();
  settings.interrupt = Interrupt(signal);
  Stream stream(1);
  nn::FreshWeights source(9);
  Trainer trainer(c.config, settings, source, objective_of(c), stream);
  ASSERT_TRUE(trainer.step().has_value());
  const auto before = weights_of(trainer);
  signal = SIGTERM;
  EXPECT_FALSE(trainer.step().has_value());
  EXPECT_EQ(trainer.step_count(), 1);
  EXPECT_EQ(weights_of(trainer), before);
}

TEST(Trainer, FrozenParametersStayAndAreSaved) {
  const TrainingCase c = small_case("gpt2");
  TrainerSettings settings = c.settings();
  settings.trainable = [](std::string_view name) { return name.starts_with("blocks.1."); };
  Stream stream(1);
  nn::FreshWeights source(9);
  Trainer trainer(c.config, settings, source, objective_of(c), stream);
  const auto before = weights_of(trainer);
  EXPECT_EQ(before.size(), parameters_of(c.config).size());
  const double first = trainer.step().value().loss;
  for (int i = 0; i < 5; ++i) trainer.step();
  EXPECT_LT(trainer.step().value().loss, first);
  for (const auto& [name, value] : weights_of(trainer)) {
    if (settings.trainable(name))
      EXPECT_NE(value, before.at(name)) << name;
    else
      EXPECT_EQ(value, before.at(name)) << name;
  }
  for (const auto& moment : trainer.optimizer_state())
    EXPECT_TRUE(settings.trainable(std::string_view(moment.name).substr(2))) << moment.name;
}

// A frozen parameter is saved in f32, whatever its source stores.
class HalfSource final : public nn::WeightSource {
 public:
  explicit HalfSource(std::uint64_t seed) : fresh_(seed) {}
  Weight load(const nn::ParameterSpec& spec) override {
    const Weight weight = fresh_.load(spec);
    if (spec.role == nn::Role::vector) return weight;
    Tensor half = Tensor::empty(spec.shape, DType::bf16);
    Stream stream(1);
    kernels::convert(stream, weight.value(), half);
    return Weight(half);
  }

 private:
  nn::FreshWeights fresh_;
};

TEST(Trainer, AFrozenParameterKeepsItsStoredTypeUntilItIsSaved) {
  const TrainingCase c = small_case("gpt2");
  TrainerSettings settings = c.settings();
  settings.trainable = [](std::string_view name) { return name.starts_with("final_norm"); };
  Stream stream(1);
  HalfSource source(9);
  Trainer trainer(c.config, settings, source, objective_of(c), stream);
  trainer.step();
  for (const auto& w : trainer.weights()) EXPECT_EQ(w.tensor.dtype(), DType::f32) << w.name;
}

TEST(Trainer, NothingToTrainIsAnError) {
  const TrainingCase c = small_case("gpt2");
  TrainerSettings settings = c.settings();
  settings.trainable = [](std::string_view) { return false; };
  Stream stream(1);
  nn::FreshWeights source(9);
  EXPECT_ERROR(Trainer(c.config, settings, source, objective_of(c), stream),
               ErrorCode::invalid_argument, "none of the model's");
}

TEST(Trainer, MaskedTokensHaveTwoLossesAndTheirColumns) {
  TrainingCase c = small_case("bert");
  c.batch = 8;
  Stream stream(1);
  nn::FreshWeights source(9);
  TrainerSettings settings = c.settings();
  settings.schedule = {3e-3, 3e-3, 0, 60};
  Trainer trainer(c.config, settings, source, objective_of(c), stream);
  const StepResult first = trainer.step().value();
  ASSERT_EQ(first.columns.size(), 2u);
  EXPECT_EQ(first.columns[0].name, "mlm_loss");
  EXPECT_EQ(first.columns[1].name, "nsp_loss");
  EXPECT_DOUBLE_EQ(first.loss, first.columns[0].value + first.columns[1].value);
  EXPECT_NEAR(first.columns[0].value, std::log(61.0), 1.5);
  EXPECT_NEAR(first.columns[1].value, std::log(2.0), 0.7);

  const std::vector<Metric> before = trainer.evaluate();
  for (int i = 0; i < 59; ++i) trainer.step();
  const std::vector<Metric> after = trainer.evaluate();
  const auto columns = trainer.objective().evaluation_columns();
  ASSERT_EQ(after.size(), columns.size());
  for (std::size_t i = 0; i < columns.size(); ++i) EXPECT_EQ(after[i].name, columns[i]);
  const auto value = [](const std::vector<Metric>& m, const char* name) {
    return find_metric(m, name)->value;
  };
  EXPECT_DOUBLE_EQ(value(after, "val_loss"),
                   value(after, "val_mlm_loss") + value(after, "val_nsp_loss"));
  EXPECT_LT(value(after, "val_mlm_loss"), 0.8 * value(before, "val_mlm_loss"));
  EXPECT_GT(value(after, "val_mlm_accuracy"), value(before, "val_mlm_accuracy"));
  for (const char* name : {"val_mlm_accuracy", "val_nsp_accuracy"}) {
    EXPECT_GE(value(after, name), 0) << name;
    EXPECT_LE(value(after, name), 1) << name;
  }
}

// A loss with a weight: minimised with it, shown without it.
class Weighted final : public Objective {
 public:
  Weighted(std::shared_ptr<const BatchSource> batches, double weight)
      : batches_(std::move(batches)), weight_(weight) {}
  const BatchSource& batches() const override { return *batches_; }
  std::vector<Loss> losses(const States& s, const Counts& step) const override {
    const double scale = weight_ / static_cast<double>(step.targets);
    return {{"text_loss", s.model.head().loss(s.ctx, s.h, s.batch.targets, scale), weight_}};
  }

 private:
  std::shared_ptr<const BatchSource> batches_;
  double weight_;
};

TEST(Trainer, AColumnIsALossWithoutItsWeight) {
  const TrainingCase c = small_case("gpt2");
  Stream stream(1);
  const auto first_step = [&](double weight) {
    nn::FreshWeights source(9);
    auto batches = std::make_shared<RandomBatches>(c.config.vocab, 40);
    Trainer trainer(c.config, c.settings(), source,
                    std::make_shared<Weighted>(std::move(batches), weight), stream);
    EXPECT_TRUE(trainer.evaluate().empty());
    return trainer.step().value();
  };
  const StepResult whole = first_step(1), half = first_step(0.5);
  EXPECT_NEAR(half.loss, 0.5 * whole.loss, 1e-12 * whole.loss);
  EXPECT_NEAR(half.columns.at(0).value, whole.columns.at(0).value, 1e-12 * whole.loss);
  EXPECT_NEAR(half.gradient_norm, 0.5 * whole.gradient_norm, 1e-5 * whole.gradient_norm);
}

}  // namespace
}  // namespace stemma::train
