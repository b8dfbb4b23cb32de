// Adversarial training: which passes it makes, what a step learns from them, and what it must not
// depend on.
#include "train/adversarial.h"

#include <cmath>
#include <map>
#include <memory>

#include <gtest/gtest.h>

#include "base/options.h"
#include "tests/identity/support.h"
#include "tests/ops/gradient_check.h"

namespace stemma::train {
namespace {

using Kind = LearningPass::Kind;

constexpr Adversarial kFgm{2, 2, 1};
constexpr Adversarial kPgd{2, 0.9, 3};

TrainingCase adversarial_case(const std::string& family, const Adversarial& how) {
  TrainingCase c;
  c.config = small_config(family, 0.1);
  c.config.channels = 24;
  c.config.hidden = 96;
  c.config.context = 48;
  c.numerics = ops::Numerics::f32();
  c.longest = 40;
  c.adversarial = how;
  return c;
}

double sequence_norm(const Tensor& x, const Batch& batch, std::size_t sequence) {
  double squares = 0;
  for (std::int64_t i = batch.offsets[sequence]; i < batch.offsets[sequence + 1]; ++i)
    for (std::int64_t c = 0; c < x.cols(); ++c)
      squares += std::pow(static_cast<double>(x.data<float>()[i * x.cols() + c]), 2);
  return std::sqrt(squares);
}

// The passes that a method makes where every pass gives `gradient`.
struct Passes {
  std::vector<Kind> kinds;
  std::vector<std::vector<float>> perturbations;
  std::vector<double> last_norms;
};

Passes passes_of(const Adversarial& how, const Tensor& gradient) {
  Batch batch;
  batch.offsets = {0, 2, 5};
  batch.ids.assign(5, 0);
  Stream stream(1);
  ops::Context ctx(stream);
  Passes passes;
  run_adversarial_passes(how, ctx, batch, 6, [&](const LearningPass& pass) {
    passes.kinds.push_back(pass.kind);
    passes.perturbations.push_back(values(pass.perturbation));
    passes.last_norms = {sequence_norm(pass.perturbation, batch, 0),
                         sequence_norm(pass.perturbation, batch, 1)};
    return pass.probes() ? gradient : Tensor{};
  });
  return passes;
}

TEST(Adversarial, FgmPerturbsEachSequenceByEpsilon) {
  const Tensor gradient = ops::random_tensor({5, 6}, 1, DType::f32);
  const Passes fgm = passes_of(kFgm, gradient);
  EXPECT_EQ(fgm.kinds, (std::vector{Kind::clean, Kind::perturbed}));
  EXPECT_EQ(fgm.perturbations.front(), std::vector<float>(30, 0.0f));
  for (const double norm : fgm.last_norms) EXPECT_NEAR(norm, 2, 1e-6);
}

TEST(Adversarial, PgdStaysInTheBallAndWithOneLongStepIsFgm) {
  const Tensor gradient = ops::random_tensor({5, 6}, 1, DType::f32);
  const Passes pgd = passes_of(kPgd, gradient);
  EXPECT_EQ(pgd.kinds, (std::vector{Kind::clean, Kind::search, Kind::search, Kind::perturbed}));
  for (const double norm : pgd.last_norms) EXPECT_NEAR(norm, 2, 1e-6);
  const Passes short_steps = passes_of({2, 0.5, 3}, gradient);
  for (const double norm : short_steps.last_norms) EXPECT_NEAR(norm, 1.5, 1e-6);
  const std::vector<float> fgm = passes_of(kFgm, gradient).perturbations.back();
  const std::vector<float> projected = passes_of({2, 5, 1}, gradient).perturbations.back();
  for (std::size_t i = 0; i < fgm.size(); ++i) EXPECT_NEAR(projected[i], fgm[i], 1e-6);
}

TEST(Adversarial, OptionsCountInTokenNorms) {
  AdversarialOptions options;
  EXPECT_FALSE(adversarial_of(options, 2));
  EXPECT_EQ(cost_in_steps(adversarial_of(options, 2)), 1);
  options.adversarial_epsilon = 0.5;
  options.adversarial = "fgm";
  const Adversarial fgm = adversarial_of(options, 3).value();
  EXPECT_EQ(std::tuple(fgm.epsilon, fgm.step_size, fgm.steps), std::tuple(1.5, 1.5, 1));
  options.adversarial = "pgd";
  options.adversarial_steps = 5;
  const Adversarial pgd = adversarial_of(options, 3).value();
  EXPECT_EQ(std::tuple(pgd.epsilon, pgd.step_size, pgd.steps), std::tuple(1.5, 0.75, 5));
  options.adversarial_step_size = 0.1;
  EXPECT_DOUBLE_EQ(adversarial_of(options, 3)->step_size, 0.1 * 3);
}

TEST(Adversarial, TheTokenNormIsTheMeanOverTheVocabulary) {
  const ModelConfig config = small_config("gpt2");
  nn::FreshWeights source(9), again(9);
  Stream stream(2);
  const Weight tokens = again.load({"embedding.tokens",
                                    {config.vocab, config.channels},
                                    nn::Init::normal(config.weight_std),
                                    nn::Role::matrix,
                                    {}});
  double sum = 0;
  for (std::int64_t v = 0; v < config.vocab; ++v) {
    double squares = 0;
    for (std::int64_t c = 0; c < config.channels; ++c)
      squares +=
          std::pow(static_cast<double>(tokens.value().data<float>()[v * config.channels + c]), 2);
    sum += std::sqrt(squares);
  }
  EXPECT_NEAR(mean_token_norm(config, source, stream), sum / 61, 1e-9);
}

// A model whose gradients can be looked at, and its passes by hand.
struct ByHand {
  explicit ByHand(const TrainingCase& c)
      : settings(c.settings()),
        objective(c.objective()),
        parameters([&](nn::WeightSource& s) { model = build_model(c.config, s); }, source, stream),
        ctx(stream, c.numerics) {
    objective->batches().fill(0, c.batch, 0, batch);
    ctx.set_randomness({settings.seed, 1, true});
  }
  // Adds to the parameters' gradients; returns that of the perturbation.
  Tensor pass(Tensor perturbation) {
    ops::Tape tape(ctx);
    tape.bind(parameters.storage(), parameters.gradient_tensors());
    ctx.set_tape(&tape);
    tape.input(perturbation);
    nn::FullAttention attention(batch);
    const Tensor h = model->forward({ctx, batch, attention, nullptr, perturbation});
    std::vector<Tensor> roots;
    for (const Loss& loss : objective->losses({ctx, *model, batch, h},
                                              objective->batches().counts(0, batch.sequences())))
      roots.push_back(loss.root);
    tape.backward(roots);
    ctx.set_tape(nullptr);
    return tape.take_gradient(perturbation);
  }

  nn::FreshWeights source{9};
  Stream stream{1};
  TrainerSettings settings;
  std::shared_ptr<const Objective> objective;
  std::unique_ptr<Model> model;
  nn::Parameters parameters;
  ops::Context ctx;
  Batch batch;
};

std::map<std::string, std::vector<float>> first_moments(const Trainer& trainer) {
  std::map<std::string, std::vector<float>> moments;
  for (const auto& t : trainer.optimizer_state())
    if (t.name.starts_with("m.")) moments[t.name.substr(2)] = values(t.tensor);
  return moments;
}

class AdversarialStep : public testing::TestWithParam<std::string> {};

// AdamW's first moment after the first step is (1 - β1) times the gradient of the step.
TEST_P(AdversarialStep, LearnsFromTheCleanAndThePerturbedGradient) {
  TrainingCase c = adversarial_case(GetParam(), kFgm);
  c.micro_batch = c.batch;
  ByHand hand(c);
  Tensor delta = Tensor::empty({hand.batch.tokens(), c.config.channels}, DType::f32);
  std::fill_n(delta.data<float>(), delta.elements(), 0.0f);
  const Tensor gradient = hand.pass(delta);
  Tensor perturbed = Tensor::empty(delta.shape(), DType::f32);
  for (std::size_t s = 0; s + 1 < hand.batch.offsets.size(); ++s) {
    const double norm = sequence_norm(gradient, hand.batch, s);
    for (std::int64_t i = hand.batch.offsets[s] * delta.cols();
         i < hand.batch.offsets[s + 1] * delta.cols(); ++i)
      perturbed.data<float>()[i] = static_cast<float>(2 * gradient.data<float>()[i] / norm);
  }
  hand.pass(perturbed);

  Stream stream(1);
  nn::FreshWeights source(9);
  TrainerSettings settings = c.settings();
  settings.optimizer.clip = 0;
  Trainer trainer(c.config, settings, source, c.objective(), stream);
  ASSERT_TRUE(trainer.step());
  const auto moments = first_moments(trainer);
  ASSERT_EQ(moments.size(), hand.parameters.list().size());
  for (const nn::Parameter& p : hand.parameters.list()) {
    const std::vector<float> wanted = values(p.gradient), &got = moments.at(p.spec.name);
    double difference = 0, size = 0;
    for (std::size_t i = 0; i < wanted.size(); ++i) {
      const double g = static_cast<double>(wanted[i]);
      difference += std::pow(10 * static_cast<double>(got[i]) - g, 2);
      size += g * g;
    }
    EXPECT_LE(std::sqrt(difference), 1e-5 * std::sqrt(size) + 1e-7) << p.spec.name;
  }
}

TEST_P(AdversarialStep, ThePerturbationRaisesTheLoss) {
  for (const Adversarial& how : {kFgm, kPgd}) {
    TrainingCase c = adversarial_case(GetParam(), how);
    Stream stream(2);
    nn::FreshWeights source(9);
    Trainer trainer(c.config, c.settings(), source, c.objective(), stream);
    StepResult result;
    for (int i = 0; i < 8; ++i) result = trainer.step().value();
    ASSERT_EQ(result.columns.back().name, "adversarial_loss");
    EXPECT_GT(result.columns.back().value, result.loss + 1e-3);
    EXPECT_LT(result.columns.back().value, 3 * result.loss);
  }
}

TEST_P(AdversarialStep, DependsOnNeitherThreadsNorRecompute) {
  TrainingCase c = adversarial_case(GetParam(), kPgd);
  c.threads = 1;
  const Trained one = run(c);
  c.threads = 3;
  expect_same_weights(one, run(c));
  for (const auto level : {ops::Recompute::activations, ops::Recompute::blocks}) {
    c.recompute = level;
    expect_same_weights(one, run(c));
  }
}

// A sequence is perturbed alone: the cut into micro-batches changes rounding only.
TEST_P(AdversarialStep, DependsNotOnTheMicroBatch) {
  TrainingCase c = adversarial_case(GetParam(), kPgd);
  const auto first_step = [&](std::int64_t micro_batch) {
    c.micro_batch = micro_batch;
    Stream stream(2);
    nn::FreshWeights source(9);
    Trainer trainer(c.config, c.settings(), source, c.objective(), stream);
    return trainer.step().value();
  };
  const StepResult whole = first_step(4), split = first_step(1);
  EXPECT_NEAR(whole.loss, split.loss, 1e-5 * whole.loss);
  EXPECT_NEAR(whole.columns.back().value, split.columns.back().value, 1e-5 * whole.loss);
  EXPECT_NEAR(whole.gradient_norm, split.gradient_norm, 1e-4 * whole.gradient_norm);
}

// The gradient at the embeddings is there although nothing is trained below the last block.
TEST_P(AdversarialStep, WorksOnFrozenEmbeddings) {
  const TrainingCase c = adversarial_case(GetParam(), kPgd);
  TrainerSettings settings = c.settings();
  settings.trainable = [](std::string_view name) { return name.starts_with("blocks.1."); };
  Stream stream(2);
  nn::FreshWeights source(9);
  Trainer trainer(c.config, settings, source, c.objective(), stream);
  StepResult result;
  for (int i = 0; i < 4; ++i) result = trainer.step().value();
  EXPECT_GT(result.columns.back().value, result.loss + 1e-3);
}

TEST_P(AdversarialStep, WorksOnLowRankAdapters) {
  const TrainingCase c = adversarial_case(GetParam(), kPgd);
  TrainerSettings settings = c.settings();
  nn::AdapterSpec adapter;
  for (const char* layer : {"blocks.0.", "blocks.1."})
    adapter.low_rank.push_back({.linear = std::string(layer) + "attention.out",
                                .part = {},
                                .rows = c.config.channels,
                                .in = c.config.channels,
                                .rank = 4,
                                .scale = 2});
  settings.adapter = adapter;
  settings.trainable = [](std::string_view name) { return name.starts_with(nn::kAdapterPrefix); };
  Stream stream(2);
  nn::FreshWeights source(9);
  Trainer trainer(c.config, settings, source, c.objective(), stream);
  StepResult result;
  for (int i = 0; i < 4; ++i) result = trainer.step().value();
  EXPECT_GT(result.columns.back().value, result.loss + 1e-3);
  EXPECT_GT(result.gradient_norm, 0);
}

INSTANTIATE_TEST_SUITE_P(All, AdversarialStep, testing::Values("gpt1", "gpt2", "llama", "bert"),
                         [](const auto& one) { return one.param; });

TEST(Adversarial, WithoutItThereIsNoColumn) {
  TrainingCase c = adversarial_case("gpt2", kFgm);
  c.adversarial.reset();
  Stream stream(1);
  nn::FreshWeights source(9);
  Trainer trainer(c.config, c.settings(), source, c.objective(), stream);
  EXPECT_TRUE(trainer.step()->columns.empty());
}

}  // namespace
}  // namespace stemma::train
