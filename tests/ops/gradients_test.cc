// Every differentiable operation against finite differences in f64.
#include <gtest/gtest.h>

#include "ops/attention.h"
#include "ops/checkpoint.h"
#include "ops/cross_entropy.h"
#include "ops/dropout.h"
#include "ops/embedding.h"
#include "ops/gated.h"
#include "ops/gather_rows.h"
#include "ops/layer_norm.h"
#include "ops/linear.h"
#include "ops/rms_norm.h"
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
    testing::Combine(testing::Values(Activation::none, Activation::gelu_tanh, Activation::gelu_erf,
                                     Activation::relu, Activation::silu, Activation::quick_gelu,
                                     Activation::tanh),
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

TEST(Gradient, RmsNorm) {
  for (Recompute recompute : {Recompute::none, Recompute::activations})
    check_gradients(
        {random_tensor({5, 9}, 1), random_tensor({9}, 2)},
        [](Context& ctx, const std::vector<Tensor>& in) {
          return rms_norm(ctx, in[0], in[1], 1e-5f);
        },
        recompute);
}

TEST(Gradient, Gated) {
  for (Gate gate : {Gate::silu, Gate::gelu_tanh, Gate::gelu_erf})
    check_gradients({random_tensor({5, 14}, 1)}, [&](Context& ctx, const std::vector<Tensor>& in) {
      return gated(ctx, in[0], gate);
    });
}

// Llama's feed-forward layer: the norm's and the gate's outputs are made again in backward, the
// gate's from a product that is kept.
TEST(Gradient, RmsNormThenGatedThroughRecipes) {
  for (Recompute recompute : {Recompute::none, Recompute::activations})
    check_gradients(
        {random_tensor({4, 6}, 1), random_tensor({6}, 2), random_tensor({10, 6}, 3),
         random_tensor({3, 5}, 4)},
        [](Context& ctx, const std::vector<Tensor>& in) {
          const Tensor n = rms_norm(ctx, in[0], in[1], 1e-5f);
          const Tensor h = gated(ctx, linear(ctx, n, Weight(in[2]), {}), Gate::silu);
          return linear(ctx, h, Weight(in[3]), {});
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

TEST(Gradient, EmbeddingWithoutPositions) {
  const Batch batch = batch_of({4, 3}, 5);
  check_gradients({random_tensor({5, 4}, 1)}, [&](Context& ctx, const std::vector<Tensor>& in) {
    return embedding(ctx, batch.ids, Weight(in[0]));
  });
  check_gradients({random_tensor({5, 4}, 1)}, [&](Context& ctx, const std::vector<Tensor>& in) {
    return embedding(ctx, batch, Weight(in[0]), {});
  });
}

TEST(Gradient, EmbeddingWithSegments) {
  Batch batch = batch_of({4, 3}, 5);
  batch.segments = {0, 0, 1, 1, 0, 1, 1};
  check_gradients({random_tensor({5, 4}, 1), random_tensor({6, 4}, 2), random_tensor({2, 4}, 3)},
                  [&](Context& ctx, const std::vector<Tensor>& in) {
                    return embedding(
                        ctx, batch.ids, Weight(in[0]),
                        {{batch.positions, in[1]}, {batch.segments, in[2], "segment_embedding"}});
                  });
  // Where only the last table is trainable.
  check_gradients({random_tensor({2, 4}, 3)}, [&](Context& ctx, const std::vector<Tensor>& in) {
    return embedding(ctx, batch.ids, Weight(random_tensor({5, 4}, 1)),
                     {{batch.positions, random_tensor({6, 4}, 2)}, {batch.segments, in[0]}});
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

// λ · one head + another head + the first head again, on one trunk: all go into the same hidden
// states, two into the same weights. Heads are variables of the tape and parameters in turn.
class TwoLosses : public testing::TestWithParam<std::tuple<double, Recompute>> {};

TEST_P(TwoLosses, GiveTheSumOfTheirGradients) {
  const auto [weight, recompute] = GetParam();
  const std::vector<std::int32_t> next{3, 0, -1, 6, 4}, tags{1, 2, 0, 2, -1};
  check_roots(
      {random_tensor({5, 6}, 1), random_tensor({6, 6}, 2), random_tensor({7, 6}, 3),
       random_tensor({3, 6}, 4), random_tensor({7}, 5), random_tensor({3}, 6)},
      [&, lambda = weight](Context& ctx, const std::vector<Tensor>& in) {
        const auto block = [w = in[1]](Context& c, const Tensor& x) {
          LinearOptions options;
          options.activation = Activation::gelu_tanh;
          const Tensor up = linear(c, x, Weight(w), {}, options);
          return linear(c, up, Weight(w), {}, {.residual = x});
        };
        const Tensor h = checkpoint(ctx, checkpoint(ctx, in[0], block), block);
        return std::vector<Tensor>{
            cross_entropy(ctx, h, Weight(in[2]), in[4], next, lambda / 4),
            cross_entropy(ctx, h, Weight(in[3]), in[5], tags, 1.0 / 4),
            cross_entropy(ctx, h, Weight(in[2]), {}, tags, 0.3),
        };
      },
      recompute);
}

INSTANTIATE_TEST_SUITE_P(All, TwoLosses,
                         testing::Combine(testing::Values(0.0, 0.5),
                                          testing::Values(Recompute::none, Recompute::activations,
                                                          Recompute::blocks)));

// Roots that are no losses, one of them above the other.
TEST(Gradient, RootsOfAnyKind) {
  check_roots({random_tensor({4, 6}, 1), random_tensor({6, 6}, 2), random_tensor({5, 6}, 3)},
              [](Context& ctx, const std::vector<Tensor>& in) {
                const std::vector<std::int32_t> targets{3, 0, -1, 4};
                const Tensor h = linear(ctx, in[0], Weight(in[1]), {});
                return std::vector<Tensor>{h, linear(ctx, h, Weight(in[1]), {}),
                                           cross_entropy(ctx, h, Weight(in[2]), {}, targets, 0.5)};
              });
}

TEST(Gradient, GatherRows) {
  std::vector<std::int32_t> rows{4, 0, 0, 2, 4, 4};
  const auto gather = [&](Context& ctx, const std::vector<Tensor>& in) {
    return gather_rows(ctx, in[0], rows);
  };
  check_gradients({random_tensor({5, 3}, 1)}, gather);
  // Beside another use of x, and of rows that are gone when backward runs.
  check_gradients({random_tensor({5, 3}, 1), random_tensor({4, 3}, 2)},
                  [](Context& ctx, const std::vector<Tensor>& in) {
                    std::vector<std::int32_t> short_lived{1, 3, 3};
                    const Tensor some = gather_rows(ctx, in[0], short_lived);
                    short_lived.assign(3, 0);
                    const Tensor mixed = linear(ctx, some, Weight(in[1]), {});
                    const Tensor all = linear(ctx, in[0], Weight(in[1]), {});
                    return linear(ctx, gather_rows(ctx, all, std::vector<std::int32_t>{0, 2, 4}),
                                  Weight(random_tensor({4, 4}, 7)), {}, {.residual = mixed});
                  });
  rows.clear();
  Stream stream(1);
  Context ctx(stream, Numerics::f64());
  EXPECT_EQ(gather_rows(ctx, random_tensor({5, 3}, 1), rows).shape(), Shape({0, 3}));
}

// A micro-batch without a target: gradients are 0, not what lay in memory.
TEST(Gradient, CrossEntropyOfNoRows) {
  check_gradients(
      {Tensor::empty({0, 6}, DType::f64), Tensor::zeros({1}, DType::f64), random_tensor({11, 6}, 2),
       Tensor::zeros({1}, DType::f64), random_tensor({11}, 3)},
      [](Context& ctx, const std::vector<Tensor>& in) {
        return cross_entropy(ctx, in[0], Weight(in[2]), in[4], {}, 0.25);
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
  Tape tape(ctx);
  ctx.set_tape(&tape);
  const Tensor y = linear(ctx, random_tensor({2, 3}, 1), Weight(random_tensor({4, 3}, 2)), {});
  EXPECT_EQ(y.variable(), 0);
  EXPECT_TRUE(tape.report().empty());
}

TEST(Gradient, InferenceOnlyOperationsThrowOnATape) {
  Stream stream(1);
  Context ctx(stream, Numerics::f64());
  Tape tape(ctx);
  ctx.set_tape(&tape);
  Tensor qkv = random_tensor({1, 12}, 1);
  tape.input(qkv);
  AttentionSpec spec;
  spec.head_size = 4;
  EXPECT_THROW(cached_attention(ctx, qkv, {}, spec, {}), std::exception);
}

}  // namespace
}  // namespace stemma::ops
