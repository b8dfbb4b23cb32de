// Ten steps of AdamW with clipping against PyTorch in float64.
#include <memory>
#include <tuple>

#include "tests/golden/random_model.h"
#include "train/masked_tokens.h"
#include "train/next_token.h"
#include "train/trainer.h"

namespace stemma::golden {
namespace {

constexpr double kLearningRate = 1e-3;

struct Way {
  const char* name;
  std::int64_t micro_batch;
  ops::Recompute recompute;
  bool bf16;
};

constexpr Way kWays[] = {
    {"whole", 3, ops::Recompute::none, false},
    {"split", 1, ops::Recompute::none, false},
    {"recompute1", 3, ops::Recompute::activations, false},
    {"recompute2", 3, ops::Recompute::blocks, false},
    {"split_recompute2", 1, ops::Recompute::blocks, false},
    {"bf16", 3, ops::Recompute::none, true},
};

// What a way of computing may be off by.
struct Bounds {
  double loss, norm, parameter;  // relative, relative, absolute
};
constexpr Bounds kF32 = {1e-6, 4e-6, 1e-5};
// Adam moves an element whose gradient is mostly rounding by up to lr a step either way.
constexpr Bounds kBf16 = {2e-3, 1e-2, 5 * kLearningRate};
// Most rows of an embedding that is not tied to the head get next to no gradient: 6.0 · lr seen.
constexpr Bounds kUntiedBf16 = {2e-3, 1e-2, 7 * kLearningRate};

using Case = std::tuple<const char*, Way, KernelPath>;

// GPT learns the next token, BERT masked tokens and pairs.
std::shared_ptr<const train::Objective> objective_of(const Golden& golden) {
  const auto batches = std::make_shared<FixtureBatches>(golden);
  if (golden.has("train.labels")) return std::make_shared<train::MaskedTokens>(batches, true);
  return std::make_shared<train::NextToken>(batches);
}

class TrainingSteps : public ::testing::TestWithParam<Case> {
 protected:
  static train::TrainerSettings settings(const Way& way) {
    train::TrainerSettings s;
    s.schedule = {.peak = kLearningRate, .minimum = kLearningRate, .warmup = 0, .steps = kSteps};
    s.optimizer = {.beta1 = 0.9, .beta2 = 0.95, .eps = 1e-8, .weight_decay = 0.1, .clip = 1.0};
    s.batch = kSequences;
    s.micro_batch = way.micro_batch;
    s.numerics = way.bf16 ? ops::Numerics::bf16() : ops::Numerics::f32();
    s.recompute = way.recompute;
    return s;
  }
};

// The gradient of key biases is 0 but for rounding, which Adam turns into steps.
void drop_key_bias(const std::string& name, std::vector<float>& a, std::vector<float>& b) {
  if (name.ends_with("key.bias")) a = b = {0};
  if (!name.ends_with("c_attn.bias") || a.size() != b.size()) return;
  const auto third = static_cast<std::ptrdiff_t>(a.size() / 3);
  for (std::vector<float>* v : {&a, &b}) v->erase(v->begin() + third, v->begin() + 2 * third);
}

TEST_P(TrainingSteps, LossesNormsAndParameters) {
  const auto& [model, way, path] = GetParam();
  const ScopedKernelPath forced(path);
  const bool untied = std::string_view(model) == "llama-random";
  const Bounds bounds = !way.bf16 ? kF32 : untied ? kUntiedBf16 : kBf16;
  const fs::path folder = fixture(model);
  const Golden golden(folder / "golden.safetensors");
  checkpoint::CheckpointSource source(folder, checkpoint::Memory::shared);
  Stream stream(1);
  train::Trainer trainer(source.config().model, settings(way), source, objective_of(golden),
                         stream);

  const std::vector<float> losses = golden.floats("train.losses");
  const std::vector<float> norms = golden.floats("train.gradient_norms");
  double worst_loss = 0, worst_norm = 0, worst_parameter = 0, worst_key_bias = 0;
  for (std::size_t i = 0; i < kSteps; ++i) {
    const train::StepResult r = trainer.step().value();
    EXPECT_EQ(r.tokens, kSequences * kTokens);
    const double loss = static_cast<double>(losses[i]), norm = static_cast<double>(norms[i]);
    EXPECT_NEAR(r.loss, loss, bounds.loss * loss) << "step " << r.step;
    EXPECT_NEAR(r.gradient_norm, norm, bounds.norm * norm) << "step " << r.step;
    worst_loss = std::max(worst_loss, std::abs(r.loss - loss) / loss);
    worst_norm = std::max(worst_norm, std::abs(r.gradient_norm - norm) / norm);
  }
  const auto names = names_of(source.config().model);
  const auto weights = trainer.weights();
  EXPECT_EQ(weights.size(), names.size());
  for (const auto& weight : weights) {
    std::size_t begin = 0;
    for (const checkpoint::FileTensor& file : names.at(weight.name)) {
      std::vector<float> got = part_in_file_layout(file, weight.tensor, begin);
      std::vector<float> wanted = golden.floats("after." + file.name);
      const double whole = difference(got, wanted).absolute;
      EXPECT_LE(whole, 10 * kLearningRate) << file.name;
      worst_key_bias = std::max(worst_key_bias, whole);
      drop_key_bias(file.name, got, wanted);
      const double d = difference(got, wanted).absolute;
      EXPECT_LE(d, bounds.parameter) << file.name;
      worst_parameter = std::max(worst_parameter, d);
    }
  }
  report("loss", worst_loss);
  report("norm", worst_norm);
  report("parameter", worst_parameter);
  report("key_bias", worst_key_bias);
}

INSTANTIATE_TEST_SUITE_P(, TrainingSteps,
                         ::testing::Combine(::testing::Values("gpt1-random", "gpt2-random",
                                                              "llama-random", "bert-random"),
                                            ::testing::ValuesIn(kWays),
                                            ::testing::ValuesIn(available_kernel_paths())),
                         [](const auto& instance) {
                           return std::string(std::get<0>(instance.param)).substr(0, 4) + "_" +
                                  std::get<1>(instance.param).name + "_" +
                                  std::string(to_string(std::get<2>(instance.param)));
                         });

}  // namespace
}  // namespace stemma::golden
