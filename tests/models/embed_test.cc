// What is added to the embeddings of a pass, in every family: the gradient at it, and that nothing
// else changes.
#include <memory>

#include <gtest/gtest.h>

#include "models/family.h"
#include "models/model.h"
#include "nn/attention_state.h"
#include "nn/fresh_weights.h"
#include "tests/ops/gradient_check.h"

namespace stemma {
namespace {

ModelConfig embed_config(const std::string& family) {
  ModelConfig c = family_named(family).defaults();
  c.vocab = 23;
  c.context = 16;
  c.channels = 8;
  c.heads = 2;
  c.layers = 2;
  c.hidden = family == "gpt1" ? 32 : 12;
  c.weight_std = 0.3;
  c.position_std = 0.2;
  if (family == "llama") c.kv_heads = 1;
  return c;
}

// Fresh weights in f64, none of which is trained.
class WideWeights final : public nn::WeightSource {
 public:
  Weight load(const nn::ParameterSpec& spec) override {
    const Weight weight = fresh_.load(spec);
    Tensor wide = Tensor::empty(spec.shape, DType::f64);
    for (std::int64_t i = 0; i < wide.elements(); ++i)
      wide.data<double>()[i] = static_cast<double>(weight.value().data<float>()[i]);
    return Weight(wide);
  }

 private:
  nn::FreshWeights fresh_{3};
};

class Embed : public testing::TestWithParam<std::string> {
 protected:
  static Batch eight_tokens() {
    Batch batch;
    batch.offsets = {0, 5, 8};
    for (std::int32_t i = 0; i < 8; ++i) {
      batch.ids.push_back((5 * i + 3) % 23);
      batch.positions.push_back(i < 5 ? i : i - 5);
      batch.targets.push_back(i % 3 == 1 ? -1 : (7 * i + 2) % 23);
    }
    batch.numbers = {0, 1};
    return batch;
  }
  Tensor states(ops::Context& ctx, const Tensor& perturbation) {
    return model_->forward({ctx, batch_, attention_, nullptr, perturbation});
  }

  WideWeights source_;
  std::unique_ptr<Model> model_ = build_model(embed_config(GetParam()), source_);
  Batch batch_ = eight_tokens();
  nn::FullAttention attention_{batch_};
};

TEST_P(Embed, TheGradientOfThePerturbationMatchesFiniteDifferences) {
  for (const auto recompute : {ops::Recompute::none, ops::Recompute::blocks})
    ops::check_gradients(
        {ops::random_tensor({8, 8}, 1)},
        [&](ops::Context& ctx, const std::vector<Tensor>& in) {
          return model_->head().loss(ctx, states(ctx, in[0]), batch_.targets, 0.2);
        },
        recompute);
}

TEST_P(Embed, ZerosChangeNothingAndOtherValuesDo) {
  Stream stream(1);
  ops::Context ctx(stream, ops::Numerics::f64());
  const Tensor plain = states(ctx, {});
  const auto same = [&](double value) {
    const Tensor added = Tensor::empty({8, 8}, DType::f64);
    std::fill_n(added.data<double>(), added.elements(), 0.0);
    *added.data<double>() = value;
    const Tensor other = states(ctx, added);
    return std::equal(plain.data<double>(), plain.data<double>() + plain.elements(),
                      other.data<double>());
  };
  EXPECT_TRUE(same(0));
  EXPECT_FALSE(same(0.1));
}

INSTANTIATE_TEST_SUITE_P(All, Embed, testing::Values("gpt1", "gpt2", "gpt3", "llama", "bert"),
                         [](const auto& one) { return one.param; });

}  // namespace
}  // namespace stemma
