#include "ops/tape.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "ops/arena.h"
#include "ops/checkpoint.h"
#include "ops/cross_entropy.h"
#include "ops/gather_rows.h"
#include "ops/layer_norm.h"
#include "ops/linear.h"
#include "tests/base/expect_error.h"
#include "tests/ops/gradient_check.h"

namespace stemma::ops {
namespace {

class TapeTest : public testing::Test {
 protected:
  // norm → linear with GELU → linear, on N rows.
  Tensor forward(Context& ctx, std::int64_t rows) {
    Tensor x = random_tensor({rows, 8}, 1, DType::f32);
    ctx.tape()->input(x);
    LinearOptions up;
    up.activation = kernels::Activation::gelu_tanh;
    const Tensor h = linear(ctx, layer_norm(ctx, x, gain_, bias_, 1e-5f), w1_, {}, up);
    return linear(ctx, h, w2_, {});
  }
  static std::uint64_t bytes(const Tape& tape, const std::string& operation) {
    for (const TapeReportLine& line : tape.report())
      if (line.operation == operation) return line.bytes;
    return 0;
  }
  static Tensor parameter(Shape shape, std::uint64_t seed, std::int32_t index) {
    Tensor t = random_tensor(shape, seed, DType::f32);
    t.set_variable(-1 - index);
    return t;
  }
  // Two models of one parameter each.
  void bind(Tape& tape) {
    const std::span<const Tensor> gradients(gradients_);
    tape.bind(w1_.value().storage(), gradients.subspan(0, 1));
    tape.bind(w2_.value().storage(), gradients.subspan(1, 1));
  }
  // A loss over 4 classes from rows of `forward()`'s result, and its parameter.
  Tensor loss(Context& ctx, const Tensor& h) {
    return cross_entropy(ctx, h, head_, {}, targets_, 0.25);
  }

  Stream stream_{2};
  Tensor gain_ = random_tensor({8}, 2, DType::f32), bias_ = random_tensor({8}, 3, DType::f32);
  Weight w1_{parameter({16, 8}, 4, 0)}, w2_{parameter({4, 16}, 5, 0)};
  Weight head_{random_tensor({3, 4}, 6, DType::f32)};
  const std::vector<std::int32_t> targets_{0, 2};
  std::vector<Tensor> gradients_{Tensor::zeros({16, 8}, DType::f32),
                                 Tensor::zeros({4, 16}, DType::f32)};
};

TEST_F(TapeTest, ReportsTheBytesThatEachOperationHolds) {
  const std::int64_t n = 10;
  Context ctx(stream_);
  Tape tape(ctx);
  bind(tape);
  ctx.set_tape(&tape);
  const Tensor y = forward(ctx, n);
  // layer_norm: x [N, 8], mean and rstd [N]; linear: its input and the GELU's.
  EXPECT_EQ(bytes(tape, "layer_norm"), static_cast<std::uint64_t>(n * 8 + 2 * n) * 4);
  EXPECT_EQ(bytes(tape, "linear"), static_cast<std::uint64_t>(n * 8 + 2 * n * 16) * 4);

  Tape lean(ctx, Recompute::activations);
  bind(lean);
  ctx.set_tape(&lean);
  forward(ctx, n);
  // The norm's and the GELU's outputs are made again.
  EXPECT_EQ(bytes(lean, "linear"), static_cast<std::uint64_t>(n * 16) * 4);
}

TEST_F(TapeTest, NothingIsAllocatedAfterTheFirstStep) {
  Arena arena;
  Context ctx(stream_, {}, arena);
  Tape tape(ctx);
  bind(tape);
  ctx.set_tape(&tape);
  const auto step = [&] {
    const Arena::Step memory(arena, 1);
    {
      const Tensor y = forward(ctx, 12);
      tape.backward(y);
    }
    tape.reset();
  };
  step();
  const auto first = arena.heap_allocations();
  EXPECT_GT(first, 5);
  for (int i = 0; i < 3; ++i) step();
  EXPECT_EQ(arena.heap_allocations(), first);
}

TEST_F(TapeTest, ParameterGradientsAddUp) {
  Context ctx(stream_);
  Tape tape(ctx);
  bind(tape);
  ctx.set_tape(&tape);
  tape.backward(forward(ctx, 5));
  const std::vector<float> once(gradients_[0].data<float>(), gradients_[0].data<float>() + 128);
  tape.reset();
  tape.backward(forward(ctx, 5));
  for (std::size_t i = 0; i < once.size(); ++i)
    EXPECT_FLOAT_EQ(gradients_[0].data<float>()[i], 2 * once[i]);
}

TEST_F(TapeTest, BackwardNeedsAValueOfThisTape) {
  Context ctx(stream_);
  Tape tape(ctx);
  bind(tape);
  EXPECT_ERROR(tape.backward(random_tensor({1}, 1)), ErrorCode::internal, "did not record");
}

TEST_F(TapeTest, EveryLossIsARoot) {
  Context ctx(stream_);
  Tape tape(ctx);
  bind(tape);
  ctx.set_tape(&tape);
  const Tensor h = forward(ctx, 2);
  const Tensor first = loss(ctx, h), second = loss(ctx, h);
  EXPECT_ERROR(tape.backward(first), ErrorCode::invalid_argument, "'cross_entropy'");
  EXPECT_ERROR(tape.backward(h), ErrorCode::invalid_argument, "hand over all losses as roots");
  EXPECT_ERROR(tape.backward({first, second, first}), ErrorCode::invalid_argument, "twice");
  Tensor two = Tensor::zeros({1}, DType::f64);
  *two.data<double>() = 2;
  EXPECT_ERROR(tape.backward(first, two), ErrorCode::invalid_argument, "'cross_entropy'");
  tape.backward({first, second});
  EXPECT_ERROR(tape.backward({first, second}), ErrorCode::invalid_argument, "run already");
}

TEST_F(TapeTest, NothingComputesWithALoss) {
  Context ctx(stream_);
  Tape tape(ctx);
  bind(tape);
  ctx.set_tape(&tape);
  const Tensor value = loss(ctx, forward(ctx, 2));
  const std::vector<std::int32_t> row{0};
  const Tensor consumed = gather_rows(ctx, value, row);
  EXPECT_ERROR(tape.backward(consumed), ErrorCode::invalid_argument,
               "'cross_entropy' was recorded");
  EXPECT_ERROR(tape.backward({consumed, value}), ErrorCode::invalid_argument,
               "'gather_rows' computes with the result of 'cross_entropy'");
}

// Another operation that looks at the loss does no harm while it has no part in the gradient.
TEST_F(TapeTest, ALossMayBeLookedAt) {
  Context ctx(stream_);
  Tape tape(ctx);
  bind(tape);
  ctx.set_tape(&tape);
  const Tensor value = loss(ctx, forward(ctx, 2));
  gather_rows(ctx, value, std::vector<std::int32_t>{0});
  tape.backward(value);
}

TEST_F(TapeTest, ALossInACheckpointedBlockIsRefused) {
  Context ctx(stream_);
  Tape tape(ctx, Recompute::blocks);
  bind(tape);
  ctx.set_tape(&tape);
  Tensor x = random_tensor({2, 4}, 1, DType::f32);
  tape.input(x);
  const Tensor y = checkpoint(ctx, x, [&](Context& c, const Tensor& in) { return loss(c, in); });
  EXPECT_ERROR(tape.backward(y), ErrorCode::invalid_argument, "'cross_entropy'");
}

TEST_F(TapeTest, AFrozenCheckpointedBlockIsNotRecorded) {
  Context ctx(stream_);
  Tape tape(ctx, Recompute::blocks);
  bind(tape);
  ctx.set_tape(&tape);
  const Tensor x = random_tensor({2, 4}, 1, DType::f32);
  const auto frozen = [&](Context& c, const Tensor& in) { return linear(c, in, head_, {}); };
  EXPECT_EQ(checkpoint(ctx, x, frozen).variable(), 0);
  EXPECT_TRUE(tape.report().empty());
  // A trainable one above a frozen one computes gradients of its parameters only.
  const Tensor hidden = random_tensor({2, 8}, 2, DType::f32);
  const Tensor y =
      checkpoint(ctx, hidden, [&](Context& c, const Tensor& in) { return linear(c, in, w1_, {}); });
  EXPECT_NE(y.variable(), 0);
  tape.backward(y);
  const Tensor& dw = gradients_[0];  // every row is the sum of the rows of `hidden`
  for (std::int64_t r = 0; r < 16; ++r)
    for (std::int64_t c = 0; c < 8; ++c)
      EXPECT_NEAR(dw.data<float>()[8 * r + c],
                  hidden.data<float>()[c] + hidden.data<float>()[8 + c], 1e-6);
}

TEST_F(TapeTest, ParametersOfAModelThatWasNotBoundAreRefused) {
  for (const Recompute recompute : {Recompute::none, Recompute::blocks}) {
    Context ctx(stream_);
    Tape tape(ctx, recompute);
    tape.bind(w2_.value().storage(), std::span<const Tensor>(&gradients_[1], 1));
    ctx.set_tape(&tape);
    Tensor x = random_tensor({2, 8}, 1, DType::f32);
    tape.input(x);
    const Tensor y =
        checkpoint(ctx, x, [this](Context& c, const Tensor& in) { return linear(c, in, w1_, {}); });
    EXPECT_ERROR(tape.backward(y), ErrorCode::invalid_argument,
                 "'linear' reads a trainable parameter [16, 8] whose model was not bound");
    for (const Tensor& g : gradients_)
      for (std::int64_t i = 0; i < g.elements(); ++i) ASSERT_EQ(g.data<float>()[i], 0.0f);
  }
  // A head's gradient is taken in the forward pass: there it is refused.
  Context ctx(stream_);
  Tape tape(ctx);
  ctx.set_tape(&tape);
  const Tensor h = random_tensor({2, 8}, 1, DType::f32);
  EXPECT_ERROR(cross_entropy(ctx, h, w1_, {}, targets_, 1), ErrorCode::invalid_argument,
               "was not bound to this tape");
}

TEST_F(TapeTest, BindsAModelOnce) {
  Context ctx(stream_);
  Tape tape(ctx);
  bind(tape);
  EXPECT_ERROR(bind(tape), ErrorCode::invalid_argument, "bound to the tape already");
}

TEST_F(TapeTest, AValueOfAnotherTapeIsRefused) {
  Context ctx(stream_);
  Tape one(ctx), other(ctx);
  bind(one);
  bind(other);
  ctx.set_tape(&one);
  const Tensor h = forward(ctx, 2);
  EXPECT_ERROR(other.backward(h), ErrorCode::internal, "did not record");
  ctx.set_tape(&other);
  Tensor x = random_tensor({2, 4}, 1, DType::f32);
  other.input(x);
  const Tensor y = linear(ctx, h, head_, {});
  EXPECT_ERROR(other.backward(y), ErrorCode::internal, "another tape");
  one.backward(h);
}

TEST_F(TapeTest, ABf16WeightCannotBeTrained) {
  Context ctx(stream_);
  Tape tape(ctx);
  bind(tape);
  ctx.set_tape(&tape);
  Tensor x = random_tensor({2, 8}, 1, DType::f32);
  tape.input(x);
  Tensor value = Tensor::zeros({4, 8}, DType::bf16);
  value.set_variable(-1);
  const Weight weight(value);
  EXPECT_ERROR(linear(ctx, x, weight, {}), ErrorCode::unsupported, "bf16");
}

TEST_F(TapeTest, ShapesAreChecked) {
  Context ctx(stream_);
  const Tensor x = random_tensor({2, 7}, 1, DType::f32);
  EXPECT_ERROR(linear(ctx, x, w1_, {}), ErrorCode::invalid_argument, "[2, 8], got [2, 7]");
  EXPECT_ERROR(layer_norm(ctx, x, gain_, bias_, 1e-5f), ErrorCode::invalid_argument,
               "gain must be [7]");
}

}  // namespace
}  // namespace stemma::ops
