// Gradients through stored weights: to the input they pass through every layout and encoding with
// the bits of the dense f32 matrix of the same values; to the weight itself only rows of f32 have
// one.
#include <cstring>
#include <optional>
#include <string>

#include <gtest/gtest.h>

#include "base/error.h"
#include "device/cpu.h"
#include "kernels/elementwise.h"
#include "ops/checkpoint.h"
#include "ops/cross_entropy.h"
#include "ops/embedding.h"
#include "ops/linear.h"
#include "tests/ops/gradient_check.h"

namespace stemma::ops {
namespace {

struct StorageCase {
  Weight::Layout layout;
  DType type;
  std::string text() const {
    return std::string(to_string(layout)) + " of " + std::string(to_string(type));
  }
};

std::vector<StorageCase> all_storages() {
  std::vector<StorageCase> all;
  for (const Weight::Layout layout : {Weight::Layout::rows, Weight::Layout::panels})
    for (const DType type : {DType::f32, DType::bf16, DType::f16}) all.push_back({layout, type});
  return all;
}

// Random values [out, in] that `type` holds exactly: stored as the case says, and as rows of f32.
struct BothWeights {
  BothWeights(Stream& stream, Shape shape, std::uint64_t seed, const StorageCase& storage)
      : dense(random_tensor(shape, seed, DType::f32)) {
    const Tensor narrow = Tensor::empty(shape, storage.type);
    kernels::convert(stream, dense.value(), narrow);
    kernels::convert(stream, narrow, dense.value());
    stored = Weight(narrow);
    if (storage.layout == Weight::Layout::panels)
      stored = kernels::pack_weight(stream, stored, storage.type);
  }
  Weight dense, stored;
};

bool same_bits(const Tensor& a, const Tensor& b) {
  return a.shape() == b.shape() && a.dtype() == b.dtype() &&
         std::memcmp(a.raw(), b.raw(),
                     static_cast<std::size_t>(a.elements()) * size_of(a.dtype())) == 0;
}

// What f(ctx, x) gives and the gradient of x, from a fixed gradient of the result.
struct Passed {
  Tensor y, dx;
};
template <class F>
Passed pass_through(Stream& stream, const Numerics& numerics, Recompute recompute, Tensor x,
                    F&& f) {
  Context ctx(stream, numerics);
  Tape tape(ctx, recompute);
  ctx.set_tape(&tape);
  tape.input(x);
  const Tensor y = f(ctx, x);
  const bool loss = y.elements() == 1;
  if (loss)
    tape.backward(y);
  else
    tape.backward(y, random_tensor(y.shape(), 77, DType::f32));
  return {y, tape.take_gradient(x)};
}

// Every storage, kernel path, multiply type and way of recomputing.
template <class F>
void expect_dense_bits(const F& check) {
  Stream stream(2);
  for (const KernelPath path : available_kernel_paths()) {
    const ScopedKernelPath scoped(path);
    for (const StorageCase& storage : all_storages())
      for (const Numerics& numerics : {Numerics::f32(), Numerics::bf16()})
        for (const Recompute recompute :
             {Recompute::none, Recompute::activations, Recompute::blocks}) {
          SCOPED_TRACE(storage.text() + " on " + std::string(to_string(path)) + ", multiply " +
                       std::string(to_string(numerics.multiply)) + ", recompute " +
                       std::to_string(int(recompute)));
          check(stream, storage, numerics, recompute);
        }
  }
}

TEST(WeightStorage, LinearPassesTheGradientOfTheDenseMatrix) {
  expect_dense_bits([](Stream& stream, const StorageCase& storage, const Numerics& numerics,
                       Recompute recompute) {
    const BothWeights up(stream, {70, 45}, 1, storage), down(stream, {45, 70}, 2, storage);
    const auto with = [&](const Weight& first, const Weight& second) {
      const auto block = [&](Context& ctx, const Tensor& x) {
        LinearOptions activated, add;
        activated.activation = kernels::Activation::gelu_tanh;
        add.residual = x;
        return linear(ctx, linear(ctx, x, first, {}, activated), second, {}, add);
      };
      return pass_through(stream, numerics, recompute, random_tensor({19, 45}, 3, DType::f32),
                          [&](Context& ctx, const Tensor& x) {
                            return recompute == Recompute::blocks ? checkpoint(ctx, x, block)
                                                                  : block(ctx, x);
                          });
    };
    const Passed wanted = with(up.dense, down.dense), got = with(up.stored, down.stored);
    ASSERT_TRUE(wanted.dx);
    EXPECT_TRUE(same_bits(got.y, wanted.y));
    EXPECT_TRUE(same_bits(got.dx, wanted.dx));
  });
}

TEST(WeightStorage, CrossEntropyPassesTheGradientOfTheDenseMatrix) {
  expect_dense_bits([](Stream& stream, const StorageCase& storage, const Numerics& numerics,
                       Recompute recompute) {
    constexpr std::int64_t kRows = 530;  // two chunks
    const BothWeights head(stream, {70, 17}, 1, storage);
    std::vector<std::int32_t> targets;
    for (int i = 0; i < kRows; ++i) targets.push_back(i % 71 - 1);
    const auto with = [&](const Weight& W) {
      return pass_through(stream, numerics, recompute, random_tensor({kRows, 17}, 3, DType::f32),
                          [&](Context& ctx, const Tensor& h) {
                            return cross_entropy(ctx, h, W, {}, targets, 1.0 / kRows);
                          });
    };
    const Passed wanted = with(head.dense), got = with(head.stored);
    ASSERT_TRUE(wanted.dx);
    EXPECT_TRUE(same_bits(got.y, wanted.y));
    EXPECT_TRUE(same_bits(got.dx, wanted.dx));
  });
}

TEST(WeightStorage, EmbeddingReadsTheValuesOfTheDenseMatrix) {
  Stream stream(2);
  Batch batch;
  batch.ids = {3, 69, 0, 32, 31};
  batch.positions = {0, 1, 2, 3, 4};
  batch.offsets = {0, 5};
  batch.numbers = {0};
  Context ctx(stream);
  for (const StorageCase& storage : all_storages()) {
    const BothWeights tokens(stream, {70, 19}, 1, storage);
    const Tensor positions = random_tensor({5, 19}, 2, DType::f32);
    EXPECT_TRUE(same_bits(embedding(ctx, batch, tokens.stored, positions),
                          embedding(ctx, batch, tokens.dense, positions)))
        << storage.text();
  }
}

// The dense matrix itself against finite differences: a frozen weight of f64.
TEST(WeightStorage, FrozenDenseWeightMatchesFiniteDifferences) {
  const Weight frozen(random_tensor({6, 7}, 2));
  const std::vector<std::int32_t> targets{3, 0, -1, 5, 4};
  check_gradients({random_tensor({5, 7}, 1)}, [&](Context& ctx, const std::vector<Tensor>& in) {
    return linear(ctx, in[0], frozen, {});
  });
  check_gradients({random_tensor({5, 7}, 1)}, [&](Context& ctx, const std::vector<Tensor>& in) {
    return cross_entropy(ctx, in[0], frozen, {}, targets, 0.25);
  });
}

TEST(WeightStorage, AFrozenWeightKeepsNothing) {
  Stream stream(1);
  Context ctx(stream);
  const auto kept_bytes = [&](bool trainable) {
    Tensor gradient = Tensor::zeros({70, 45}, DType::f32);
    Tape tape(ctx);
    ctx.set_tape(&tape);
    Tensor x = random_tensor({19, 45}, 3, DType::f32), w = random_tensor({70, 45}, 1, DType::f32);
    tape.input(x);
    if (trainable) w.set_variable(-1);
    tape.bind(w.storage(), std::span<const Tensor>(&gradient, 1));
    linear(ctx, x, Weight(w), {});
    ctx.set_tape(nullptr);
    return tape.report().at(0).bytes;
  };
  EXPECT_EQ(kept_bytes(false), 0u);
  EXPECT_GE(kept_bytes(true), 19u * 45 * 4);
}

TEST(WeightStorage, NoGradientToAWeightThatIsNotRowsOfF32) {
  Stream stream(1);
  Batch batch;
  batch.ids = batch.positions = {0, 1};
  batch.offsets = {0, 2};
  batch.numbers = {0};
  const std::vector<std::int32_t> targets{1, 2};
  const Tensor x = random_tensor({2, 45}, 3, DType::f32);
  for (const StorageCase& storage : all_storages()) {
    SCOPED_TRACE(storage.text());
    const BothWeights weights(stream, {70, 45}, 1, storage);
    Tensor value = weights.stored.value();
    value.set_variable(-1);
    const bool panels = storage.layout == Weight::Layout::panels;
    const Weight weight = panels ? Weight::panels(value, 70) : Weight(value);
    const bool refused = panels || storage.type != DType::f32;
    const auto run = [&](const char* operation, auto&& f) {
      std::optional<std::string> message;
      Tensor gradient = Tensor::zeros({70, 45}, DType::f32);
      Context ctx(stream);
      f(ctx);  // without a tape nothing is asked for
      Tape tape(ctx);
      tape.bind(value.storage(), std::span<const Tensor>(&gradient, 1));
      ctx.set_tape(&tape);
      try {
        f(ctx);
      } catch (const Error& error) {
        message = error.what();
        EXPECT_EQ(error.code(), ErrorCode::unsupported);
        EXPECT_NE(message->find("LoRA"), std::string::npos) << *message;
        EXPECT_NE(message->find(operation), std::string::npos) << *message;
      }
      EXPECT_EQ(message.has_value(), refused) << operation;
    };
    run("linear", [&](Context& ctx) { linear(ctx, x, weight, {}); });
    run("cross_entropy", [&](Context& ctx) { cross_entropy(ctx, x, weight, {}, targets, 1.0); });
    run("embedding", [&](Context& ctx) {
      embedding(ctx, batch, weight, random_tensor({2, 45}, 4, DType::f32));
    });
  }
}

}  // namespace
}  // namespace stemma::ops
