// Every differentiable operation against finite differences in f64.
#include <gtest/gtest.h>

#include "ops/attention.h"
#include "ops/checkpoint.h"
#include "ops/cross_entropy.h"
#include "ops/dropout.h"
#include "ops/embedding.h"
#include "ops/layer_norm.h"
#include "ops/linear.h"
#include "tests/ops/gradient_check.h"

namespace stemma::ops {
namespace {

using kernels::Activation;

Batch batch_of(std::vector<std::int64_t> lengths, std::int32_t vocab) {
  Batch batch;
  batch.offsets = {0};
  for (std::size_t b = 0; b < lengths.size(); ++b) {
    for (std::int64_t t = 0; t < lengths[b]; ++t) {
      batch.ids.push_back(static_cast<std::int32_t>(7 * batch.tokens() + 3) % vocab);
      batch.positions.push_back(static_cast<std::int32_t>(t));
    }
    batch.offsets.push_back(batch.tokens());
    batch.numbers.push_back(static_cast<std::int64_t>(b) + 5);
  }
  return batch;
}

class LinearGradient
    : public testing::TestWithParam<std::tuple<Activation, bool, bool, Recompute>> {};

TEST_P(LinearGradient, MatchesFiniteDifferences) {
  const auto [activation, with_bias, with_residual, recompute] = GetParam();
  std::vector<Tensor> inputs{random_tensor({5, 7}, 1), random_tensor({6, 7}, 2)};
  if (with_bias) inputs.push_back(random_tensor({6}, 3));
  if (with_residual) inputs.push_back(random_tensor({5, 6}, 4));
  const bool bias = with_bias, residual = with_residual;
  check_gradients(
      inputs,
      [&, act = activation](Context& ctx, const std::vector<Tensor>& in) {
        LinearOptions options;
        options.activation = act;
        if (residual) options.residual = in.back();
        return linear(ctx, in[0], Weight(in[1]), bias ? in[2] : Tensor{}, options);
      },
      recompute);
}

INSTANTIATE_TEST_SUITE_P(
    All, LinearGradient,
    testing::Combine(testing::Values(Activation::none, Activation::gelu_tanh, Activation::gelu_erf),
                     testing::Bool(), testing::Bool(),
                     testing::Values(Recompute::none, Recompute::activations)));

TEST(Gradient, LayerNorm) {
  for (Recompute recompute : {Recompute::none, Recompute::activations})
    check_gradients(
        {random_tensor({5, 9}, 1), random_tensor({9}, 2), random_tensor({9}, 3)},
        [](Context& ctx, const std::vector<Tensor>& in) {
          return layer_norm(ctx, in[0], in[1], in[2], 1e-5f);
        },
        recompute);
}

TEST(Gradient, LayerNormThenLinearThroughRecipes) {
  check_gradients(
      {random_tensor({4, 6}, 1), random_tensor({6}, 2), random_tensor({6}, 3),
       random_tensor({8, 6}, 4), random_tensor({3, 8}, 5)},
      [](Context& ctx, const std::vector<Tensor>& in) {
        const Tensor n = layer_norm(ctx, in[0], in[1], in[2], 1e-5f);
        LinearOptions up;
        up.activation = Activation::gelu_tanh;
        return linear(ctx, linear(ctx, n, Weight(in[3]), {}, up), Weight(in[4]), {});
      },
      Recompute::activations);
}

TEST(Gradient, Embedding) {
  const Batch batch = batch_of({4, 3}, 5);
  check_gradients({random_tensor({5, 4}, 1), random_tensor({6, 4}, 2)},
                  [&](Context& ctx, const std::vector<Tensor>& in) {
                    return embedding(ctx, batch, Weight(in[0]), in[1]);
                  });
}

TEST(Gradient, Attention) {
  const Batch batch = batch_of({5, 1, 3}, 5);
  for (const bool causal : {true, false})
    for (const float p : {0.0f, 0.3f}) {
      AttentionSpec spec;
      spec.heads = 2;
      spec.head_size = 3;
      spec.causal = causal;
      spec.scale = 0.6f;
      spec.dropout = p;
      spec.dropout_key = philox_key(11);
      const auto sequences = self_sequences(batch);
      check_gradients({random_tensor({9, 18}, 1)},
                      [&](Context& ctx, const std::vector<Tensor>& in) {
                        return attention(ctx, in[0], spec, sequences);
                      });
    }
}

TEST(Gradient, AttentionOfGroupedHeadsAndPatterns) {
  using Kind = AttentionPattern::Kind;
  const Batch batch = batch_of({7, 1, 3}, 5);
  const auto sequences = self_sequences(batch);
  for (const AttentionPattern pattern : {AttentionPattern{Kind::dense, 1},
                                         {Kind::local, 2},
                                         {Kind::dilated, 2},
                                         {Kind::strided, 2},
                                         {Kind::strided, 3}})
    for (const std::int64_t kv_heads : {1, 2, 4}) {
      AttentionSpec spec;
      spec.heads = 4;
      spec.kv_heads = kv_heads;
      spec.head_size = 3;
      spec.pattern = pattern;
      spec.scale = 0.6f;
      spec.dropout = kv_heads == 2 ? 0.3f : 0.0f;
      spec.dropout_key = philox_key(11);
      check_gradients({random_tensor({11, (4 + 2 * kv_heads) * 3}, 1)},
                      [&](Context& ctx, const std::vector<Tensor>& in) {
                        return attention(ctx, in[0], spec, sequences);
                      });
    }
}

TEST(Gradient, Dropout) {
  const Batch batch = batch_of({4, 3}, 5);
  Randomness randomness;
  randomness.seed = 3;
  randomness.dropout = true;
  check_gradients(
      {random_tensor({7, 6}, 1), random_tensor({7, 6}, 2)},
      [&](Context& ctx, const std::vector<Tensor>& in) {
        return dropout(ctx, batch, in[0], in[1], 0.4f, 2);
      },
      Recompute::none, randomness);
  check_gradients(
      {random_tensor({7, 6}, 1)},
      [&](Context& ctx, const std::vector<Tensor>& in) {
        return dropout(ctx, batch, in[0], {}, 0.4f, 2);
      },
      Recompute::none, randomness);
}

TEST(Gradient, CrossEntropy) {
  const std::vector<std::int32_t> targets{3, 0, -1, 10, 4};
  check_gradients({random_tensor({5, 6}, 1), random_tensor({11, 6}, 2), random_tensor({11}, 3)},
                  [&](Context& ctx, const std::vector<Tensor>& in) {
                    return cross_entropy(ctx, in[0], Weight(in[1]), in[2], targets, 0.25);
                  });
}

TEST(Gradient, CrossEntropyOverSeveralChunks) {
  std::vector<std::int32_t> targets;
  for (int i = 0; i < 1030; ++i) targets.push_back(i % 3);
  check_gradients({random_tensor({1030, 1}, 1), random_tensor({3, 1}, 2), random_tensor({3}, 3)},
                  [&](Context& ctx, const std::vector<Tensor>& in) {
                    return cross_entropy(ctx, in[0], Weight(in[1]), in[2], targets, 1.0 / 1030);
                  });
}

TEST(Gradient, CheckpointedBlock) {
  check_gradients(
      {random_tensor({4, 6}, 1), random_tensor({6, 6}, 2)},
      [](Context& ctx, const std::vector<Tensor>& in) {
        const Tensor weight = in[1];
        const auto block = [weight](Context& c, const Tensor& x) {
          LinearOptions options;
          options.activation = Activation::gelu_erf;
          const Tensor h = linear(c, x, Weight(weight), {}, options);
          LinearOptions add;
          add.residual = x;
          return linear(c, h, Weight(weight), {}, add);
        };
        return checkpoint(ctx, checkpoint(ctx, in[0], block), block);
      },
      Recompute::blocks);
}

// One value used three times: the first writer sets, later ones add.
TEST(Gradient, SharedInput) {
  check_gradients({random_tensor({3, 4}, 1), random_tensor({4, 4}, 2)},
                  [](Context& ctx, const std::vector<Tensor>& in) {
                    LinearOptions add;
                    add.residual = in[0];
                    const Tensor once = linear(ctx, in[0], Weight(in[1]), {}, add);
                    add.residual = once;
                    return linear(ctx, in[0], Weight(in[1]), {}, add);
                  });
}

TEST(Gradient, NothingTrainableRecordsNothing) {
  Stream stream(1);
  Context ctx(stream, Numerics::f64());
  Tape tape(ctx, {});
  ctx.set_tape(&tape);
  const Tensor y = linear(ctx, random_tensor({2, 3}, 1), Weight(random_tensor({4, 3}, 2)), {});
  EXPECT_EQ(y.variable(), 0);
  EXPECT_TRUE(tape.report().empty());
}

TEST(Gradient, InferenceOnlyOperationsThrowOnATape) {
  Stream stream(1);
  Context ctx(stream, Numerics::f64());
  Tape tape(ctx, {});
  ctx.set_tape(&tape);
  Tensor q = random_tensor({1, 4}, 1);
  tape.input(q);
  AttentionSpec spec;
  spec.head_size = 4;
  EXPECT_THROW(cached_attention(ctx, q, q, q, spec, {}), std::exception);
}

}  // namespace
}  // namespace stemma::ops
