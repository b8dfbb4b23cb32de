// Random GPT-1, GPT-2, Llama and BERT layouts against transformers in float64: logits, hidden
// states, losses, every gradient, packed sequences, greedy ids.
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
      std::size_t begin = 0;
      double largest_bias = 0;  // of the parts of a fused bias
      for (const checkpoint::FileTensor& file : names.at(p.spec.name)) {
        const std::vector<float> wanted = golden_.floats("grad." + file.name);
        Difference d = difference(part_in_file_layout(file, p.gradient, begin), wanted);
        // The gradient of key biases is 0 but for rounding: it is measured by that of the queries.
        if (file.name.ends_with("key.bias")) d.relative = d.absolute / largest_bias;
        for (const float value : wanted)
          largest_bias = std::max(largest_bias, std::abs(static_cast<double>(value)));
        EXPECT_LE(d.relative, bound) << what << " gradient of " << file.name;
        worst = std::max(worst, d.relative);
      }
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
  const auto targets = static_cast<double>(batches_.counts(0, kSequences).targets);
  const Tensor loss = model.model().head().loss(model.ctx(), h, batch_.targets, 1.0 / targets);
  const std::string name = golden_.has("losses") ? "losses" : "loss";
  const double wanted = static_cast<double>(golden_.floats(name)[0]);
  EXPECT_NEAR(*loss.data<double>(), wanted, 2e-6 * wanted);
  report("loss", std::abs(*loss.data<double>() - wanted) / wanted);
  double one_by_one = 0;
  for (const double each : model.model().head().token_losses(model.ctx(), h, batch_.targets))
    one_by_one += each / targets;
  EXPECT_NEAR(one_by_one, wanted, 2e-6 * wanted);
}

TEST_P(RandomModel, PairsOfTexts) {
  if (!golden_.has("pooled")) GTEST_SKIP() << "only BERT has a head for pairs";
  TrainableModel model(folder_, ops::Numerics::f32());
  nn::FullAttention attention(batch_);
  const Tensor h = model.model().forward({model.ctx(), batch_, attention});
  const Tensor pooled = model.model().pooler()(model.ctx(), h, batch_);
  EXPECT_LE(difference(values_of(pooled), golden_.floats("pooled")).absolute, kForwardBound);
  const Tensor logits = model.model().pair_head().logits(model.ctx(), pooled);
  const Difference d = difference(values_of(logits), golden_.floats("pair_logits"));
  EXPECT_LE(d.relative, kForwardBound);
  report("pair_logits", d.relative);
  const Tensor loss = model.model().pair_head().loss(model.ctx(), pooled, batch_.labels, 1.0 / 3);
  EXPECT_NEAR(*loss.data<double>(), static_cast<double>(golden_.floats("losses")[1]), 2e-6);
}

TEST_P(RandomModel, ResidualStreamAfterEachBlock) {
  TrainableModel model(folder_, ops::Numerics::f32());
  Recorder seen;
  model.ctx().set_observer(&seen);
  logits_of(model.model(), model.ctx(), batch_);
  const std::string family = model.model().config().family;
  const bool pre_norm = family == "gpt2" || family == "llama";
  const std::size_t before = family == "bert" ? 1 : 0;  // the norm of the embedding
  for (std::size_t i = 0; i < 3; ++i) {
    const Difference d =
        difference(seen.get(pre_norm ? "residual" : "layer_norm", 2 * i + 1 + before),
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
    EXPECT_NEAR(model.loss_and_gradients(batches_, 0, kSequences, kSequences), wanted,
                2e-6 * wanted);
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
  const double loss = model.loss_and_gradients(batches_, 0, kSequences, kSequences);
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
  if (!golden_.has("greedy.ids")) GTEST_SKIP() << "an encoder writes nothing";
  const auto model = infer::LoadedModel::open(
      {.path = folder_, .precision = "f32", .weights = "f32", .tokenizer = "", .threads = 1});
  std::vector<std::int32_t> all = golden_.ids("greedy.ids");
  const auto prompt_end = all.begin() + 18;
  EXPECT_EQ(greedy(model, {all.begin(), prompt_end}, all.size() - 18),
            std::vector<std::int32_t>(prompt_end, all.end()));
}

INSTANTIATE_TEST_SUITE_P(, RandomModel,
                         ::testing::Combine(::testing::Values("gpt1-random", "gpt2-random",
                                                              "llama-random", "bert-random"),
                                            ::testing::ValuesIn(available_kernel_paths())),
                         [](const auto& instance) {
                           return std::string(std::get<0>(instance.param)).substr(0, 4) + "_" +
                                  std::string(to_string(std::get<1>(instance.param)));
                         });

}  // namespace
}  // namespace stemma::golden
