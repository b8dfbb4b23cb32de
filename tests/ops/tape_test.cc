#include "ops/tape.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "ops/arena.h"
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

  Stream stream_{2};
  Tensor gain_ = random_tensor({8}, 2, DType::f32), bias_ = random_tensor({8}, 3, DType::f32);
  Weight w1_{parameter({16, 8}, 4, 0)}, w2_{parameter({4, 16}, 5, 1)};
  std::vector<Tensor> gradients_{Tensor::zeros({16, 8}, DType::f32),
                                 Tensor::zeros({4, 16}, DType::f32)};
};

TEST_F(TapeTest, ReportsTheBytesThatEachOperationHolds) {
  const std::int64_t n = 10;
  Context ctx(stream_);
  Tape tape(ctx, gradients_);
  ctx.set_tape(&tape);
  const Tensor y = forward(ctx, n);
  // layer_norm: x [N, 8], mean and rstd [N]; linear: its input and the GELU's.
  EXPECT_EQ(bytes(tape, "layer_norm"), static_cast<std::uint64_t>(n * 8 + 2 * n) * 4);
  EXPECT_EQ(bytes(tape, "linear"), static_cast<std::uint64_t>(n * 8 + 2 * n * 16) * 4);

  Tape lean(ctx, gradients_, Recompute::activations);
  ctx.set_tape(&lean);
  forward(ctx, n);
  // The norm's and the GELU's outputs are made again.
  EXPECT_EQ(bytes(lean, "linear"), static_cast<std::uint64_t>(n * 16) * 4);
}

TEST_F(TapeTest, NothingIsAllocatedAfterTheFirstStep) {
  Arena arena;
  Context ctx(stream_, {}, arena);
  Tape tape(ctx, gradients_);
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
  Tape tape(ctx, gradients_);
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
  Tape tape(ctx, gradients_);
  EXPECT_ERROR(tape.backward(random_tensor({1}, 1)), ErrorCode::internal, "did not record");
}

TEST_F(TapeTest, ABf16WeightCannotBeTrained) {
  Context ctx(stream_);
  Tape tape(ctx, gradients_);
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
