// Random GPT-1 and GPT-2 layouts against transformers in float64: logits, hidden states, loss,
// every gradient, packed sequences, greedy ids.
#include <tuple>

#include "tests/golden/random_model.h"

namespace stemma::golden {
namespace {

constexpr double kForwardBound = 4e-6;   // f32, of the largest logit or hidden value
constexpr double kGradientBound = 1e-5;  // f32, of a gradient tensor's largest element
// Products of operands rounded to 8 bits, activations between operations too.
constexpr double kBf16ForwardBound = 2e-2;
constexpr double kBf16GradientBound = 4e-2;

class RandomModel : public ::testing::TestWithParam<std::tuple<const char*, KernelPath>> {
 protected:
  RandomModel()
      : path_(std::get<1>(GetParam())),
        folder_(fixture(std::get<0>(GetParam()))),
        golden_(folder_ / "golden.safetensors"),
        batches_(golden_) {
    batches_.fill(0, kSequences, 0, batch_);
  }

  void expect_gradients(const TrainableModel& model, double bound, const std::string& what) {
    const auto names = names_of(model.model().config());
    double worst = 0;
    for (const nn::Parameter& p : model.parameters().list()) {
      const checkpoint::FileTensor& file = names.at(p.spec.name);
      const Difference d =
          difference(in_file_layout(file, p.gradient), golden_.floats("grad." + file.name));
      EXPECT_LE(d.relative, bound) << what << " gradient of " << file.name;
      worst = std::max(worst, d.relative);
    }
    EXPECT_EQ(model.parameters().list().size(), names.size());
    report(what + "_gradients", worst);
  }

  ScopedKernelPath path_;
  fs::path folder_;
  Golden golden_;
  FixtureBatches batches_;
  Batch batch_;
};

TEST_P(RandomModel, LogitsAndLoss) {
  TrainableModel model(folder_, ops::Numerics::f32());
  const Difference d =
      difference(logits_of(model.model(), model.ctx(), batch_), golden_.floats("logits"));
  EXPECT_LE(d.relative, kForwardBound);
  report("logits", d.relative);
  nn::FullAttention attention(batch_);
  const Tensor h = model.model().forward({model.ctx(), batch_, attention});
  const Tensor loss = model.model().head().loss(model.ctx(), h, batch_.targets, 1.0 / 93);
  const double wanted = static_cast<double>(golden_.floats("loss")[0]);
  EXPECT_NEAR(*loss.data<double>(), wanted, 2e-6 * wanted);
  report("loss", std::abs(*loss.data<double>() - wanted) / wanted);
}

TEST_P(RandomModel, ResidualStreamAfterEachBlock) {
  TrainableModel model(folder_, ops::Numerics::f32());
  Recorder seen;
  model.ctx().set_observer(&seen);
  logits_of(model.model(), model.ctx(), batch_);
  const bool post_norm = model.model().config().family == "gpt1";
  for (std::size_t i = 0; i < 3; ++i) {
    const Difference d = difference(seen.get(post_norm ? "layer_norm" : "residual", 2 * i + 1),
                                    golden_.floats(fmt::format("hidden.{}", i)));
    EXPECT_LE(d.relative, kForwardBound) << "block " << i;
    report(fmt::format("hidden{}", i), d.relative);
  }
}

TEST_P(RandomModel, EveryGradient) {
  for (const auto recompute :
       {ops::Recompute::none, ops::Recompute::activations, ops::Recompute::blocks}) {
    TrainableModel model(folder_, ops::Numerics::f32(), recompute);
    const double wanted = static_cast<double>(golden_.floats("loss")[0]);
    EXPECT_NEAR(model.loss_and_gradients(batch_), wanted, 2e-6 * wanted);
    expect_gradients(model, kGradientBound,
                     fmt::format("recompute{}", static_cast<int>(recompute)));
  }
}

TEST_P(RandomModel, Bf16StaysWithinItsBound) {
  TrainableModel model(folder_, ops::Numerics::bf16());
  const Difference d =
      difference(logits_of(model.model(), model.ctx(), batch_), golden_.floats("logits"));
  EXPECT_LE(d.relative, kBf16ForwardBound);
  EXPECT_GT(d.relative, 1e-4) << "this did not multiply in bf16";
  report("bf16_logits", d.relative);
  const double wanted = static_cast<double>(golden_.floats("loss")[0]);
  const double loss = model.loss_and_gradients(batch_);
  EXPECT_NEAR(loss, wanted, 2e-3 * wanted);
  report("bf16_loss", std::abs(loss - wanted) / wanted);
  expect_gradients(model, kBf16GradientBound, "bf16");
}

// Sequences of 37 (the whole context), 1, 5 and 18 tokens end to end.
TEST_P(RandomModel, PackedSequences) {
  TrainableModel model(folder_, ops::Numerics::f32());
  const std::vector<std::int32_t> ids = golden_.ids("packed.ids");
  std::vector<std::vector<std::int32_t>> sequences;
  auto at = ids.begin();
  for (const std::int32_t length : golden_.ids("packed.lengths")) {
    sequences.emplace_back(at, at + length);
    at += length;
  }
  ASSERT_EQ(at, ids.end());
  const Difference d = difference(logits_of(model.model(), model.ctx(), batch_of(sequences)),
                                  golden_.floats("packed.logits"));
  EXPECT_LE(d.relative, kForwardBound);
  report("packed", d.relative);
}

TEST_P(RandomModel, GreedyUpToTheContext) {
  const auto model = infer::LoadedModel::open(
      {.path = folder_, .precision = "f32", .weights = "f32", .tokenizer = "", .threads = 1});
  std::vector<std::int32_t> all = golden_.ids("greedy.ids");
  const auto prompt_end = all.begin() + 18;
  EXPECT_EQ(greedy(model, {all.begin(), prompt_end}, all.size() - 18),
            std::vector<std::int32_t>(prompt_end, all.end()));
}

INSTANTIATE_TEST_SUITE_P(, RandomModel,
                         ::testing::Combine(::testing::Values("gpt1-random", "gpt2-random"),
                                            ::testing::ValuesIn(available_kernel_paths())),
                         [](const auto& instance) {
                           return std::string(std::get<0>(instance.param)).substr(0, 4) + "_" +
                                  std::string(to_string(std::get<1>(instance.param)));
                         });

}  // namespace
}  // namespace stemma::golden
