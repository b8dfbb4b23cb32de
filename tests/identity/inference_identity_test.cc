// What must not change a forward pass: the tape, the cache, the company in a batch, threads,
// storage.
#include <memory>

#include <gtest/gtest.h>

#include "infer/key_value_cache.h"
#include "nn/packed_weights.h"
#include "nn/read_rows.h"
#include "ops/gather_rows.h"
#include "tests/identity/support.h"

namespace stemma {
namespace {

class InferenceIdentity : public testing::TestWithParam<std::tuple<KernelPath, std::string, bool>> {
 protected:
  InferenceIdentity()
      : path_(std::get<0>(GetParam())),
        config_(small_config(std::get<1>(GetParam()))),
        numerics_(std::get<2>(GetParam()) ? ops::Numerics::bf16() : ops::Numerics::f32()),
        model_(build_model(config_, source_)) {}

  Tensor logits(const Model& model, const Batch& batch, int threads = 2) const {
    Stream stream(threads);
    ops::Context ctx(stream, numerics_);
    nn::FullAttention attention(batch);
    return model.head().logits(ctx, model.forward({ctx, batch, attention}));
  }
  Tensor logits(const Batch& batch, int threads = 2) const {
    return logits(*model_, batch, threads);
  }
  Batch sequence(std::int64_t number, std::int64_t length) const {
    Batch batch;
    append_sequence(batch, number, length, config_.vocab);
    return batch;
  }

  ScopedKernelPath path_;
  ModelConfig config_;
  ops::Numerics numerics_;
  nn::FreshWeights source_{9};
  std::unique_ptr<Model> model_;
};

TEST_P(InferenceIdentity, TapeEqualsNoTape) {
  const Batch batch = sequence(1, 290);
  Stream stream(2);
  std::unique_ptr<Model> model;
  nn::Parameters parameters([&](nn::WeightSource& s) { model = build_model(config_, s); }, source_,
                            stream);
  for (const auto level :
       {ops::Recompute::none, ops::Recompute::activations, ops::Recompute::blocks}) {
    ops::Context ctx(stream, numerics_);
    nn::FullAttention attention(batch);
    const Tensor plain = model->forward({ctx, batch, attention});
    ops::Tape tape(ctx, level);
    tape.bind(parameters.storage(), parameters.gradient_tensors());
    ctx.set_tape(&tape);
    const Tensor recorded = model->forward({ctx, batch, attention});
    EXPECT_NE(recorded.variable(), 0);
    expect_same_bits(plain, recorded, "hidden state");
  }
}

// Where only some rows of the last states are read, the last block runs on these; dropout draws for
// them what it draws in a whole pass.
TEST_P(InferenceIdentity, RowsThatAreReadAreThoseOfAWholePass) {
  ModelConfig config = config_;
  config.embedding_dropout = config.attention_dropout = config.residual_dropout = 0.2;
  const auto model = build_model(config, source_);
  Batch batch;
  for (const std::int64_t length : {7, 270, 1, 30})
    append_sequence(batch, length, length, config.vocab);
  batch.numbers = {4, 1, 9, 2};
  const std::vector<std::int32_t> rows{0, 6, 20, 277, 280, 307};
  const nn::ReadRows read = nn::read_rows(batch, rows);
  EXPECT_EQ(read.batch.offsets, (std::vector<std::int64_t>{0, 2, 3, 4, 6}));
  for (const bool training : {false, true}) {
    Stream stream(2);
    ops::Context ctx(stream, numerics_);
    ctx.set_randomness({7, 3, training});
    nn::FullAttention attention(batch);
    const Tensor whole = model->forward({ctx, batch, attention});
    const Tensor some = model->forward({ctx, batch, attention, nullptr, {}, &read});
    expect_same_bits(ops::gather_rows(ctx, whole, rows), some, "rows that are read");
  }
}

TEST_P(InferenceIdentity, FullForwardEqualsPrefillAndDecode) {
  if (!config_.causal) GTEST_SKIP() << "an encoder has no cache";
  const Batch whole = sequence(1, 290);
  const Tensor wanted = logits(whole);
  Stream stream(2);
  ops::Context ctx(stream, numerics_);
  // Cuts inside a chunk of keys, on its border and token by token over it.
  for (const std::int64_t prefill : {1, 100, 250, 256}) {
    infer::KeyValueCache cache(config_, numerics_, {.slots = 2, .capacity = config_.context});
    const std::int64_t slot = 1;
    for (std::int64_t begin = 0; begin < whole.tokens();) {
      const std::int64_t end = begin == 0    ? prefill
                               : begin < 240 ? std::min(begin + 45, std::int64_t{240})
                                             : begin + 1;
      Batch part;
      part.ids.assign(whole.ids.begin() + begin, whole.ids.begin() + end);
      part.positions.assign(whole.positions.begin() + begin, whole.positions.begin() + end);
      part.offsets = {0, end - begin};
      cache.prepare(stream, part, {&slot, 1});
      const Tensor got = model_->head().logits(ctx, model_->forward({ctx, part, cache}));
      cache.advance();
      expect_same_bits(got, wanted.slice_rows(begin, end), "logits from " + std::to_string(begin));
      begin = end;
    }
  }
}

TEST_P(InferenceIdentity, AnyBatchCompositionEqualsAlone) {
  Batch together;
  const std::vector<std::int64_t> lengths{5, 290, 1, 64, 257};
  for (std::size_t i = 0; i < lengths.size(); ++i)
    append_sequence(together, static_cast<std::int64_t>(i), lengths[i], config_.vocab);
  const Tensor all = logits(together);
  for (std::size_t i = 0; i < lengths.size(); ++i)
    expect_same_bits(all.slice_rows(together.offsets[i], together.offsets[i + 1]),
                     logits(sequence(static_cast<std::int64_t>(i), lengths[i])),
                     "sequence " + std::to_string(i));
}

TEST_P(InferenceIdentity, SequencesShareACacheWithoutTouching) {
  if (!config_.causal) GTEST_SKIP() << "an encoder has no cache";
  Stream stream(2);
  ops::Context ctx(stream, numerics_);
  infer::KeyValueCache cache(config_, numerics_, {.slots = 3, .capacity = config_.context});
  const Batch a = sequence(1, 60), b = sequence(2, 33);
  const Tensor wanted_a = logits(a), wanted_b = logits(b);
  // Slot 2 runs ahead, then both go on together token by token.
  const auto part = [](const Batch& from, std::int64_t begin, std::int64_t end, Batch& to) {
    if (to.offsets.empty()) to.offsets = {0};
    to.ids.insert(to.ids.end(), from.ids.begin() + begin, from.ids.begin() + end);
    to.positions.insert(to.positions.end(), from.positions.begin() + begin,
                        from.positions.begin() + end);
    to.offsets.push_back(to.tokens());
  };
  Batch first;
  part(a, 0, 40, first);
  const std::vector<std::int64_t> two{2}, both{2, 0};
  cache.prepare(stream, first, two);
  model_->forward({ctx, first, cache});
  cache.advance();
  for (std::int64_t i = 0; i < 20; ++i) {
    Batch step;
    part(a, 40 + i, 41 + i, step);
    part(b, i, i + 1, step);
    cache.prepare(stream, step, both);
    const Tensor got = model_->head().logits(ctx, model_->forward({ctx, step, cache}));
    cache.advance();
    expect_same_bits(got.slice_rows(0, 1), wanted_a.slice_rows(40 + i, 41 + i), "first");
    expect_same_bits(got.slice_rows(1, 2), wanted_b.slice_rows(i, i + 1), "second");
  }
}

TEST_P(InferenceIdentity, AnyThreadCountGivesTheSameBits) {
  const Batch batch = sequence(3, 270);
  const Tensor one = logits(batch, 1);
  for (int threads : {2, 3, 4}) expect_same_bits(one, logits(batch, threads), "logits");
}

TEST_P(InferenceIdentity, PackedWeightsGiveTheSameBits) {
  const Batch batch = sequence(4, 130);
  Stream stream(2);
  nn::PackedWeights packed(source_, stream, DType::f32);
  const std::unique_ptr<Model> model = build_model(config_, packed);
  expect_same_bits(logits(batch), logits(*model, batch), "logits");
}

// A bound, not an identity: the products see the same rounded operands, but the embedding is read
// from rounded storage, so the stream starts elsewhere.
TEST_P(InferenceIdentity, Bf16StorageStaysNearF32Storage) {
  if (numerics_.multiply != kernels::Multiply::bf16) GTEST_SKIP() << "bf16 products only";
  const Batch batch = sequence(4, 130);
  Stream stream(2);
  nn::PackedWeights packed(source_, stream, DType::bf16);
  const std::unique_ptr<Model> model = build_model(config_, packed);
  nn::FullAttention attention(batch);
  const Tensor got = logits(*model, batch), wanted = logits(batch);
  // The embedding is read from bf16 storage, so the stream starts from rounded values.
  double worst = 0;
  for (std::int64_t i = 0; i < got.elements(); ++i)
    worst = std::max(worst,
                     static_cast<double>(std::abs(got.data<float>()[i] - wanted.data<float>()[i])));
  EXPECT_LT(worst, 0.1);
}

INSTANTIATE_TEST_SUITE_P(All, InferenceIdentity,
                         testing::Combine(testing::ValuesIn(available_kernel_paths()),
                                          testing::Values("gpt2", "gpt1", "gpt3", "llama", "bert"),
                                          testing::Bool()),
                         name_of);

}  // namespace
}  // namespace stemma
