#include "ops/rotary.h"

#include <gtest/gtest.h>

#include "ops/attention.h"
#include "ops/checkpoint.h"
#include "ops/linear.h"
#include "ops/rms_norm.h"
#include "tests/ops/gradient_check.h"

namespace stemma::ops {
namespace {

const std::vector<std::int32_t> kRotaryPositions = {0, 1, 2, 3, 0, 7};

RotaryTable table_of(RotaryPairing pairing = RotaryPairing::halves) {
  RotarySpec spec;
  spec.head_size = 4;
  spec.rotated_heads = 2;
  spec.base = 100;
  spec.pairing = pairing;
  return RotaryTable(spec, 8);
}

std::vector<double> values(const Tensor& t) {
  return {t.data<double>(), t.data<double>() + t.elements()};
}

// Queries, keys and values of two sequences through rotation and attention, as a block has it.
Tensor attend(Context& ctx, const Tensor& x, const Tensor& gain, const Tensor& qkv,
              const RotaryTable& table, const std::vector<AttentionSequence>& sequences) {
  AttentionSpec spec;
  spec.heads = 1;
  spec.head_size = 4;
  spec.scale = 0.5f;
  const Tensor product = linear(ctx, rms_norm(ctx, x, gain, 1e-5f), Weight(qkv), {});
  return attention(ctx, rotate(ctx, product, kRotaryPositions, table), spec, sequences);
}

std::vector<AttentionSequence> two_sequences() {
  Batch batch;
  batch.offsets = {0, 4, 6};
  return self_sequences(batch);
}

TEST(RotaryOperation, GradientMatchesFiniteDifferencesAtEveryRecompute) {
  const auto sequences = two_sequences();
  for (const RotaryPairing pairing : {RotaryPairing::halves, RotaryPairing::neighbours})
    for (const Recompute recompute : {Recompute::none, Recompute::activations, Recompute::blocks}) {
      const RotaryTable table = table_of(pairing);
      check_gradients(
          {random_tensor({6, 5}, 1), random_tensor({5}, 2)},
          [&](Context& ctx, const std::vector<Tensor>& in) {
            const Tensor gain = in[1], weight = random_tensor({12, 5}, 4);
            const auto block = [gain, weight, &table, &sequences](Context& c, const Tensor& x) {
              return attend(c, x, gain, weight, table, sequences);
            };
            return checkpoint(ctx, in[0], block);
          },
          recompute);
      // Every second input is a parameter, so the weight has a run of its own.
      check_gradients(
          {random_tensor({6, 5}, 1), random_tensor({12, 5}, 4)},
          [&](Context& ctx, const std::vector<Tensor>& in) {
            const Tensor gain = random_tensor({5}, 2), weight = in[1];
            const auto block = [gain, weight, &table, &sequences](Context& c, const Tensor& x) {
              return attend(c, x, gain, weight, table, sequences);
            };
            return checkpoint(ctx, in[0], block);
          },
          recompute);
    }
}

// Bits, gradients included, do not depend on what is computed again.
TEST(RotaryOperation, RecomputeChangesNoBit) {
  const auto sequences = two_sequences();
  const RotaryTable table = table_of();
  std::vector<std::vector<double>> all;
  for (const Recompute recompute : {Recompute::none, Recompute::activations, Recompute::blocks}) {
    Stream stream(2);
    Context ctx(stream, Numerics::f64());
    std::vector<Tensor> gradients = {Tensor::zeros({5}, DType::f64),
                                     Tensor::zeros({12, 5}, DType::f64)};
    Tape tape(ctx, recompute);
    ctx.set_tape(&tape);
    Tensor x = random_tensor({6, 5}, 1), gain = random_tensor({5}, 2),
           weight = random_tensor({12, 5}, 3);
    tape.input(x);
    gain.set_variable(-1);
    weight.set_variable(-1);
    tape.bind(gain.storage(), std::span<const Tensor>(&gradients[0], 1));
    tape.bind(weight.storage(), std::span<const Tensor>(&gradients[1], 1));
    const auto block = [&](Context& c, const Tensor& in) {
      return attend(c, in, gain, weight, table, sequences);
    };
    const Tensor y = checkpoint(ctx, x, block);
    std::vector<double> one = values(y);
    tape.backward(y, random_tensor(y.shape(), 9));
    for (const Tensor& t : {tape.take_gradient(x), gradients[0], gradients[1]})
      for (const double v : values(t)) one.push_back(v);
    all.push_back(one);
  }
  EXPECT_EQ(all[1], all[0]);
  EXPECT_EQ(all[2], all[0]);
}

TEST(RotaryOperation, ConsumesTheOutputOfALinearLayer) {
  Stream stream(1);
  Context ctx(stream, Numerics::f64());
  const RotaryTable table = table_of();
  std::vector<Tensor> gradients = {Tensor::zeros({12, 5}, DType::f64)};
  Tape tape(ctx);
  Tensor weight = random_tensor({12, 5}, 2);
  weight.set_variable(-1);
  tape.bind(weight.storage(), gradients);
  for (Tape* with : {static_cast<Tape*>(nullptr), &tape}) {
    ctx.set_tape(with);
    const Tensor product = linear(ctx, random_tensor({6, 5}, 1), Weight(weight), {});
    const Tensor y = rotate(ctx, product, kRotaryPositions, table);
    EXPECT_EQ(y.raw(), product.raw());
    EXPECT_EQ(y.variable() != product.variable(), with != nullptr);
  }
}

// Parameters, inputs of the tape and what a closure holds stay as they are.
TEST(RotaryOperation, CopiesWhatTheTapeHolds) {
  Stream stream(1);
  Context ctx(stream, Numerics::f64());
  const RotaryTable table = table_of();
  std::vector<Tensor> gradients = {Tensor::zeros({12, 12}, DType::f64)};
  Tape tape(ctx);
  ctx.set_tape(&tape);
  Tensor weight = random_tensor({12, 12}, 2), input = random_tensor({6, 12}, 1),
         parameter = random_tensor({6, 12}, 3);
  weight.set_variable(-1);
  tape.bind(weight.storage(), gradients);
  tape.input(input);
  parameter.set_variable(-1);
  const Tensor held = linear(ctx, input, Weight(weight), {});
  linear(ctx, held, Weight(weight), {});  // keeps its input for the gradient of the weight
  for (const Tensor& x : {input, parameter, held}) {
    const std::vector<double> before = values(x);
    const Tensor y = rotate(ctx, x, kRotaryPositions, table);
    EXPECT_NE(y.raw(), x.raw());
    EXPECT_EQ(values(x), before);
    EXPECT_NE(values(y), before);
    EXPECT_GT(y.variable(), 0);
  }
}

TEST(RotaryOperation, PassesTheGradientOnWithoutACopy) {
  Stream stream(1);
  Context ctx(stream, Numerics::f64());
  const RotaryTable table = table_of();
  Tape tape(ctx, {});
  ctx.set_tape(&tape);
  Tensor x = random_tensor({6, 12}, 1);
  tape.input(x);
  const Tensor y = rotate(ctx, x, kRotaryPositions, table);
  const Tensor dy = random_tensor({6, 12}, 2);
  tape.backward(y, dy);
  EXPECT_EQ(tape.take_gradient(x).raw(), dy.raw());
}

}  // namespace
}  // namespace stemma::ops
