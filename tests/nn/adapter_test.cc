// A linear layer with an adapter: its gradients against finite differences, and how a fresh one
// begins.
#include "nn/adapter.h"

#include "nn/attention_state.h"
#include "nn/fresh_weights.h"
#include "nn/linear.h"
#include "ops/activate.h"
#include "ops/add.h"
#include "tests/nn/given_weights.h"
#include "tests/ops/gradient_check.h"

namespace stemma::nn {
namespace {

using kernels::Activation;
using ops::random_tensor;

constexpr std::int64_t kIn = 6, kOut = 8, kRank = 3, kWidth = 4;

Batch batch_of_seven() {
  Batch batch;
  batch.offsets = {0, 4, 7};
  batch.numbers = {0, 1};
  batch.ids.assign(7, 0);
  batch.positions = {0, 1, 2, 3, 0, 1, 2};
  return batch;
}

// Changes of all rows and of rows 2 to 4: a part of a fused matrix.
AdapterSpec two_changes(AdapterSpec::Kind kind) {
  AdapterSpec spec;
  spec.kind = kind;
  spec.low_rank = {{"up", "", 0, kOut, kIn, kRank, 0.7}, {"up", "v", 2, 3, kIn, kRank, 1.3}};
  return spec;
}

class AdaptedLinear
    : public testing::TestWithParam<std::tuple<Activation, bool, ops::Recompute, float>> {
 protected:
  // `inputs`: x, weight, bias, residual, and then the adapter's in the order of `names`.
  void check(const AdapterSpec& spec, const std::vector<std::string>& names,
             const std::vector<Shape>& shapes) const {
    const auto& [activation, residual, recompute, dropout] = GetParam();
    std::vector<Tensor> inputs{random_tensor({7, kIn}, 1), random_tensor({kOut, kIn}, 2),
                               random_tensor({kOut}, 3), random_tensor({7, kOut}, 4)};
    for (std::size_t i = 0; i < shapes.size(); ++i)
      inputs.push_back(random_tensor(shapes[i], 5 + i));
    AdapterSpec with_dropout = spec;
    with_dropout.dropout = dropout;
    ops::LinearOptions options;
    options.activation = activation;
    const Batch batch = batch_of_seven();
    const ops::Operation run = [&, with_residual = residual](ops::Context& ctx,
                                                             const std::vector<Tensor>& in) {
      std::map<std::string, Tensor> given{{"up.weight", in[1]}, {"up.bias", in[2]}};
      for (std::size_t i = 0; i < names.size(); ++i) given[names[i]] = in[4 + i];
      GivenWeights source(given);
      const Linear linear(source, "up", {.out = kOut, .in = kIn, .bias = true, .parts = {}}, {});
      const Adapter adapter(source, with_dropout);
      const Adapters adapters{{&adapter}};
      FullAttention state(batch);
      ops::LinearOptions o = options;
      // Where there is none it still has a gradient to be checked.
      const Tensor added = ops::activate(ctx, in[3], Activation::tanh, true);
      if (with_residual) o.residual = in[3];
      const Tensor y = linear({ctx, batch, state, &adapters}, in[0], o);
      return with_residual ? y : ops::add(ctx, added, y);
    };
    ops::check_gradients(inputs, run, recompute, {.seed = 3, .step = 1, .dropout = dropout > 0});
  }
};

TEST_P(AdaptedLinear, HasTheGradientsOfLora) {
  check(two_changes(AdapterSpec::Kind::lora),
        {"adapter.up.a", "adapter.up.b", "adapter.up.v.a", "adapter.up.v.b"},
        {{kRank, kIn}, {kOut, kRank}, {kRank, kIn}, {3, kRank}});
}

TEST_P(AdaptedLinear, HasTheGradientsOfAdaLora) {
  check(two_changes(AdapterSpec::Kind::adalora),
        {"adapter.up.a", "adapter.up.b", "adapter.up.e", "adapter.up.v.a", "adapter.up.v.b",
         "adapter.up.v.e"},
        {{kRank, kIn}, {kOut, kRank}, {kRank, 1}, {kRank, kIn}, {3, kRank}, {kRank, 1}});
}

TEST_P(AdaptedLinear, HasTheGradientsOfABottleneck) {
  AdapterSpec spec;
  spec.kind = AdapterSpec::Kind::bottleneck;
  spec.bottlenecks = {{"up", kOut, kWidth}};
  check(spec,
        {"adapter.up.down.weight", "adapter.up.down.bias", "adapter.up.up.weight",
         "adapter.up.up.bias"},
        {{kWidth, kOut}, {kWidth}, {kOut, kWidth}, {kOut}});
}

INSTANTIATE_TEST_SUITE_P(
    All, AdaptedLinear,
    testing::Combine(testing::Values(Activation::none, Activation::gelu_tanh, Activation::silu),
                     testing::Bool(),
                     testing::Values(ops::Recompute::none, ops::Recompute::activations),
                     testing::Values(0.0f, 0.3f)));

// B, E or the second matrix is zero: y is that of the layer alone.
TEST(FreshAdapter, ChangesNothing) {
  AdapterSpec bottleneck;
  bottleneck.kind = AdapterSpec::Kind::bottleneck;
  bottleneck.bottlenecks = {{"up", kOut, kWidth}};
  for (const AdapterSpec& spec : {two_changes(AdapterSpec::Kind::lora),
                                  two_changes(AdapterSpec::Kind::adalora), bottleneck}) {
    FreshWeights source(1);
    const Linear linear(source, "up", {.out = kOut, .in = kIn, .bias = true, .parts = {}},
                        Init::normal(0.5));
    const Adapter adapter(source, spec);
    const Adapters adapters{{&adapter}};
    const Batch batch = batch_of_seven();
    FullAttention state(batch);
    Stream stream(1);
    ops::Context ctx(stream, ops::Numerics::f32());
    const Tensor x = random_tensor({7, kIn}, 9, DType::f32);
    const Tensor plain = linear(ctx, x), adapted = linear({ctx, batch, state, &adapters}, x);
    for (std::int64_t i = 0; i < plain.elements(); ++i)
      EXPECT_EQ(plain.data<float>()[i], adapted.data<float>()[i]);
  }
}

}  // namespace
}  // namespace stemma::nn
