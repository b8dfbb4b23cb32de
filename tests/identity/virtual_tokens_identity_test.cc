// Prefixes and prompts, bit for bit: a batch of sequences with a prefix, a prompt, a LoRA and
// nothing gives what each gives alone; a pass that records gives what one without gives; training
// gives the same weights for any number of threads and with everything computed again.
#include <cstring>

#include "checkpoint/adapter_targets.h"
#include "nn/virtual_tokens.h"
#include "tests/identity/support.h"

namespace stemma {
namespace {

using Kind = nn::AdapterSpec::Kind;

class VirtualTokenIdentity : public testing::TestWithParam<PathCase> {
 protected:
  VirtualTokenIdentity()
      : path_(std::get<0>(GetParam())),
        config_(small_config(std::get<1>(GetParam()))),
        numerics_(std::get<2>(GetParam()) ? ops::Numerics::bf16() : ops::Numerics::f32()) {}

  // A pass of some sequences, each with the adapter of its number in the list, or without (-1).
  struct Passed {
    Batch batch;
    Tensor h;
  };
  Passed pass(const Model& model, const std::vector<std::int64_t>& sequences,
              const nn::Adapters* adapters, const std::vector<std::int32_t>& which) const {
    Batch tokens;
    for (const std::int64_t s : sequences)
      append_sequence(tokens, s, 1 + (s * 67) % 271, config_.vocab);
    tokens.adapters = which;
    Stream stream(2);
    ops::Context ctx(stream, numerics_);
    Passed passed{nn::with_virtual_tokens(tokens, adapters), {}};
    nn::PrefixAttention attention(passed.batch, adapters);
    passed.h = model.forward({ctx, passed.batch, attention, adapters});
    return passed;
  }

  nn::AdapterSpec spec_of(Kind kind, std::int64_t size) const {
    if (kind != Kind::lora) return checkpoint::virtual_token_spec(config_, kind, size);
    return checkpoint::low_rank_spec(checkpoint::units_named(config_, {"auto"}), {.rank = size});
  }

  // Three steps with an adapter beside frozen weights.
  Trained train_adapter(Kind kind, ops::Recompute recompute, int threads) const {
    TrainingCase c{.config = config_, .numerics = numerics_, .recompute = recompute};
    c.config.attention_dropout = c.config.residual_dropout = c.config.embedding_dropout = 0.1;
    train::TrainerSettings settings = c.settings();
    settings.adapter = spec_of(kind, 6);
    settings.trainable = [](std::string_view name) { return name.starts_with(nn::kAdapterPrefix); };
    Stream stream(threads);
    LargeNumbers source(9);
    train::Trainer trainer(c.config, settings, source, c.objective(), stream);
    const Trained before = outcome(trainer);
    std::vector<double> losses;
    for (std::int64_t i = 0; i < c.steps; ++i) losses.push_back(trainer.step().value().loss);
    Trained trained = outcome(trainer);
    trained.losses = losses;
    EXPECT_EQ(trained.names.front(), nn::kVirtualTokens);
    EXPECT_NE(trained.weights.front(), before.weights.front());
    EXPECT_EQ(trained.weights.back(), before.weights.back());  // frozen
    return trained;
  }

  ScopedKernelPath path_;
  ModelConfig config_;
  ops::Numerics numerics_;
};

TEST_P(VirtualTokenIdentity, MixedBatchIsSeparateBatches) {
  LargeNumbers source(3), others(5);
  nn::FreshWeights fresh(9);
  const auto model = build_model(config_, fresh);
  const nn::Adapter prefix(source, spec_of(Kind::prefix, 5)),
      prompt(source, spec_of(Kind::prompt, 7)), lora(source, spec_of(Kind::lora, 2)),
      longer(others, spec_of(Kind::prefix, 11)), second(others, spec_of(Kind::prompt, 3));
  const nn::Adapters adapters{{&prefix, &prompt, &lora, &longer, &second}};
  const std::vector<std::int64_t> sequences{1, 2, 3, 4, 5, 6, 7};
  const std::vector<std::int32_t> which{1, 0, -1, 2, 3, 0, 4};
  const Passed mixed = pass(*model, sequences, &adapters, which);
  const Passed plain = pass(*model, sequences, nullptr, {});
  for (std::size_t i = 0; i < sequences.size(); ++i) {
    const Tensor mine = mixed.h.slice_rows(mixed.batch.offsets[i], mixed.batch.offsets[i + 1]);
    const std::string what = "sequence " + std::to_string(i);
    if (which[i] < 0) {
      expect_same_bits(pass(*model, {sequences[i]}, nullptr, {}).h, mine, what);
      continue;
    }
    const nn::Adapters alone{{adapters.list[static_cast<std::size_t>(which[i])]}};
    expect_same_bits(pass(*model, {sequences[i]}, &alone, {}).h, mine, what);
    // It changes what it is added to.
    const Tensor before = plain.h.slice_rows(plain.batch.offsets[i], plain.batch.offsets[i + 1]);
    const Tensor after = mine.slice_rows(mine.rows() - before.rows(), mine.rows());
    const auto bytes = static_cast<std::size_t>(before.elements()) * size_of(before.dtype());
    EXPECT_NE(std::memcmp(before.raw(), after.raw(), bytes), 0) << what;
  }
}

TEST_P(VirtualTokenIdentity, TapeIsNoTape) {
  for (const Kind kind : {Kind::prefix, Kind::prompt}) {
    TrainingCase c{.config = config_, .numerics = numerics_};
    train::TrainerSettings settings = c.settings();
    settings.adapter = spec_of(kind, 6);
    settings.trainable = [](std::string_view name) { return name.starts_with(nn::kAdapterPrefix); };
    Stream stream(2);
    LargeNumbers source(9);
    train::Trainer trainer(c.config, settings, source, c.objective(), stream);
    const Tensor without = pass(trainer.model(), {1, 2, 3}, trainer.adapters(), {}).h;
    Batch tokens;
    for (const std::int64_t s : {1, 2, 3})
      append_sequence(tokens, s, 1 + (s * 67) % 271, config_.vocab);
    const Batch batch = nn::with_virtual_tokens(tokens, trainer.adapters());
    ops::Context ctx(stream, numerics_);
    ops::Tape tape(ctx);
    ctx.set_tape(&tape);
    nn::PrefixAttention attention(batch, trainer.adapters());
    const Tensor with = trainer.model().forward({ctx, batch, attention, trainer.adapters()});
    EXPECT_NE(with.variable(), 0);
    expect_same_bits(with, without, "states");
  }
}

TEST_P(VirtualTokenIdentity, RecomputeAndThreadsChangeNothing) {
  for (const Kind kind : {Kind::prefix, Kind::prompt}) {
    const Trained kept = train_adapter(kind, ops::Recompute::none, 2);
    for (const ops::Recompute recompute : {ops::Recompute::activations, ops::Recompute::blocks}) {
      const Trained again = train_adapter(kind, recompute, 1);
      EXPECT_EQ(again.losses, kept.losses);
      expect_same_weights(again, kept);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(All, VirtualTokenIdentity,
                         testing::Combine(testing::ValuesIn(available_kernel_paths()),
                                          testing::Values("gpt2", "gpt1", "gpt3", "llama", "bert"),
                                          testing::Bool()),
                         name_of);

}  // namespace
}  // namespace stemma
