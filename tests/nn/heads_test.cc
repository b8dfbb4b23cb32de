// Heads of BERT: their gradients against finite differences, and rows without a target.
#include "nn/pair_head.h"
#include "nn/token_head.h"
#include "ops/checkpoint.h"
#include "tests/base/expect_error.h"
#include "tests/nn/given_weights.h"
#include "tests/ops/gradient_check.h"

namespace stemma::nn {
namespace {

using ops::random_tensor;

HeadTransform transform_of(WeightSource& source) {
  return {source, "head", {.channels = 6, .norm_eps = 1e-12, .weight = {}}};
}

class HeadGradients : public testing::TestWithParam<ops::Recompute> {};

// Both losses are roots on the same states; few rows have a target.
TEST_P(HeadGradients, OfMaskedTokensAndPairs) {
  const std::vector<std::int32_t> targets{-1, 4, -1, -1, 0, -1, 8}, labels{1, 0, -1};
  Batch batch;
  batch.offsets = {0, 3, 5, 7};
  ops::check_roots(
      {random_tensor({7, 6}, 1), random_tensor({6, 6}, 2), random_tensor({6}, 3),
       random_tensor({6}, 4), random_tensor({6}, 5), random_tensor({9, 6}, 6),
       random_tensor({9}, 7), random_tensor({6, 6}, 8), random_tensor({6}, 9),
       random_tensor({2, 6}, 10), random_tensor({2}, 11)},
      [&](ops::Context& ctx, const std::vector<Tensor>& in) {
        GivenWeights source({{"head.transform.weight", in[1]},
                             {"head.transform.bias", in[2]},
                             {"head.norm.gain", in[3]},
                             {"head.norm.bias", in[4]},
                             {"pooler.weight", in[7]},
                             {"pooler.bias", in[8]},
                             {"pair_head.weight", in[9]},
                             {"pair_head.bias", in[10]}});
        const TokenHead tokens(Weight(in[5]), in[6], transform_of(source));
        const Pooler pooler(source, "pooler", 6, {});
        const PairHead pairs(source, "pair_head", 6, {});
        return std::vector<Tensor>{tokens.loss(ctx, in[0], targets, 0.3),
                                   pairs.loss(ctx, pooler(ctx, in[0], batch), labels, 0.5)};
      },
      GetParam());
}

INSTANTIATE_TEST_SUITE_P(, HeadGradients,
                         testing::Values(ops::Recompute::none, ops::Recompute::activations,
                                         ops::Recompute::blocks));

// The loss of chosen rows is that of all rows whose other targets are none.
TEST(TokenHead, RowsWithoutATargetDoNotCount) {
  Stream stream(1);
  ops::Context ctx(stream, ops::Numerics::f64());
  GivenWeights source({{"head.transform.weight", random_tensor({6, 6}, 1)},
                       {"head.transform.bias", random_tensor({6}, 2)},
                       {"head.norm.gain", random_tensor({6}, 3)},
                       {"head.norm.bias", random_tensor({6}, 4)}});
  const TokenHead head(Weight(random_tensor({9, 6}, 5)), random_tensor({9}, 6),
                       transform_of(source));
  const Tensor h = random_tensor({5, 6}, 7);
  const auto loss = [&](const std::vector<std::int32_t>& targets) {
    return *head.loss(ctx, h, targets, 1).data<double>();
  };
  const std::vector<std::int32_t> all{3, 1, 4, 1, 5};
  const std::vector<double> each = head.token_losses(ctx, h, all);
  EXPECT_NEAR(loss(all), each[0] + each[1] + each[2] + each[3] + each[4], 1e-12);
  EXPECT_NEAR(loss({-1, 1, -1, -1, 5}), each[1] + each[4], 1e-12);
  EXPECT_EQ(loss({-1, -1, -1, -1, -1}), 0);
}

TEST(Pooler, NeedsAFirstToken) {
  Stream stream(1);
  ops::Context ctx(stream, ops::Numerics::f64());
  GivenWeights source(
      {{"pooler.weight", random_tensor({6, 6}, 1)}, {"pooler.bias", random_tensor({6}, 2)}});
  const Pooler pooler(source, "pooler", 6, {});
  Batch batch;
  batch.offsets = {0, 2, 2};
  EXPECT_ERROR(pooler(ctx, random_tensor({2, 6}, 3), batch), ErrorCode::invalid_argument,
               "sequence 1");
}

}  // namespace
}  // namespace stemma::nn
