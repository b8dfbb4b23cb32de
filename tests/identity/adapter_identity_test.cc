// What must not change a pass with adapters: the company in a batch, the tape, recomputation,
// threads, and whether a low-rank change lies beside the weights or has become a part of them.
#include <cstring>
#include <memory>

#include <gtest/gtest.h>

#include "checkpoint/adapter_folder.h"
#include "checkpoint/adapter_targets.h"
#include "checkpoint/merged_source.h"
#include "nn/adapter.h"
#include "tests/base/temporary_folder.h"
#include "tests/identity/support.h"

namespace stemma {
namespace {

// Every parameter random, those too that begin at zero.
class RandomWeights final : public nn::WeightSource {
 public:
  explicit RandomWeights(std::uint64_t seed) : fresh_(seed) {}
  Weight load(const nn::ParameterSpec& spec) override {
    nn::ParameterSpec random = spec;
    if (spec.name.starts_with(nn::kAdapterPrefix)) random.init = nn::Init::normal(0.2);
    return fresh_.load(random);
  }

 private:
  nn::FreshWeights fresh_;
};

nn::AdapterSpec adapter_spec(const ModelConfig& config, const std::string& kind) {
  if (kind == "bottleneck") return checkpoint::bottleneck_spec(config, 5);
  return checkpoint::low_rank_spec(
      checkpoint::units_named(config, {"all"}),
      {.rank = kind == "lora" ? 3 : 4, .alpha = 5, .adaptive = kind == "adalora"});
}

bool same_bits(const Tensor& a, const Tensor& b) {
  const auto bytes = static_cast<std::size_t>(a.elements()) * size_of(a.dtype());
  return std::memcmp(a.raw(), b.raw(), bytes) == 0;
}

class AdapterIdentity : public testing::TestWithParam<PathCase> {
 protected:
  AdapterIdentity()
      : path_(std::get<0>(GetParam())),
        config_(small_config(std::get<1>(GetParam()))),
        numerics_(std::get<2>(GetParam()) ? ops::Numerics::bf16() : ops::Numerics::f32()),
        model_(build_model(config_, source_)) {}

  std::unique_ptr<nn::Adapter> adapter(const std::string& kind, std::uint64_t seed) const {
    RandomWeights source(seed);
    return std::make_unique<nn::Adapter>(source, adapter_spec(config_, kind));
  }
  Tensor states(const Batch& batch, const nn::Adapters* adapters) const {
    Stream stream(2);
    ops::Context ctx(stream, numerics_);
    nn::FullAttention attention(batch);
    return model_->forward({ctx, batch, attention, adapters});
  }
  Batch sequences(std::int64_t first, const std::vector<std::int64_t>& lengths) const {
    Batch batch;
    for (std::int64_t length : lengths) append_sequence(batch, first++, length, config_.vocab);
    return batch;
  }

  ScopedKernelPath path_;
  ModelConfig config_;
  ops::Numerics numerics_;
  nn::FreshWeights source_{9};
  std::unique_ptr<Model> model_;
};

TEST_P(AdapterIdentity, AMixedBatchGivesTheBitsOfSeparateBatches) {
  const auto lora = adapter("lora", 1), adalora = adapter("adalora", 2),
             bottleneck = adapter("bottleneck", 3);
  const nn::Adapters all{{lora.get(), adalora.get(), bottleneck.get()}};
  const std::vector<std::int64_t> lengths{7, 280, 1, 33, 12};
  Batch mixed = sequences(0, lengths);
  mixed.adapters = {2, 0, -1, 1, 0};
  const Tensor together = states(mixed, &all);
  const Tensor bare = states(sequences(0, lengths), nullptr);
  for (std::size_t b = 0; b < lengths.size(); ++b) {
    const std::int32_t which = mixed.adapters[b];
    nn::Adapters own;
    if (which >= 0) own.list = {all.list[static_cast<std::size_t>(which)]};
    const Tensor alone =
        states(sequences(static_cast<std::int64_t>(b), {lengths[b]}), which >= 0 ? &own : nullptr);
    const std::int64_t begin = mixed.offsets[b], end = mixed.offsets[b + 1];
    expect_same_bits(together.slice_rows(begin, end), alone, "sequence " + std::to_string(b));
    // They do change something.
    if (which >= 0) {
      EXPECT_FALSE(same_bits(bare.slice_rows(begin, end), alone));
    }
  }
}

TEST_P(AdapterIdentity, TapeEqualsNoTape) {
  const Batch batch = sequences(1, {270, 20});
  Stream stream(2);
  for (const char* kind : {"lora", "adalora", "bottleneck"}) {
    std::unique_ptr<nn::Adapter> trained;
    RandomWeights source(4);
    const nn::AdapterSpec spec = adapter_spec(config_, kind);
    nn::Parameters parameters(
        [&](nn::WeightSource& s) { trained = std::make_unique<nn::Adapter>(s, spec); }, source,
        stream);
    const nn::Adapters adapters{{trained.get()}};
    const Tensor plain = states(batch, &adapters);
    for (const auto level :
         {ops::Recompute::none, ops::Recompute::activations, ops::Recompute::blocks}) {
      ops::Context ctx(stream, numerics_);
      nn::FullAttention attention(batch);
      ops::Tape tape(ctx, level);
      tape.bind(parameters.storage(), parameters.gradient_tensors());
      ctx.set_tape(&tape);
      const Tensor recorded = model_->forward({ctx, batch, attention, &adapters});
      EXPECT_NE(recorded.variable(), 0);
      expect_same_bits(plain, recorded, kind);
    }
  }
}

// A change of every matrix, written as PEFT would and read again, beside the weights and in them.
TEST_P(AdapterIdentity, MergedEqualsUnmerged) {
  if (numerics_.multiply == kernels::Multiply::bf16) GTEST_SKIP() << "stated for f32 products";
  const Batch batch = sequences(1, {40, 9});
  for (const char* kind : {"lora", "adalora"}) {
    const auto beside = adapter(kind, 5);
    const nn::Adapters adapters{{beside.get()}};
    const Tensor wanted = states(batch, &adapters);
    std::vector<checkpoint::NamedTensor> tensors;
    RandomWeights source(5);
    for (const nn::ParameterSpec& spec :
         nn::survey([&](nn::WeightSource& s) { nn::Adapter(s, beside->spec()); }))
      tensors.push_back({spec.name, source.load(spec).value()});
    const TemporaryFolder folder;
    checkpoint::ConfigFile config;
    config.model = config_;
    checkpoint::write_adapter(
        folder.path(), {config, beside->spec(), tensors, "base",
                        Json::object({{"lora_alpha", 5}, {"init_r", 4}, {"total_step", 1}})});
    checkpoint::AdapterFolder read(folder.path(), config_);
    checkpoint::MergedSource merged(source_, read);
    const auto model = build_model(config_, merged);
    Stream stream(2);
    ops::Context ctx(stream, numerics_);
    nn::FullAttention attention(batch);
    const Tensor got = model->forward({ctx, batch, attention});
    float largest = 0, apart = 0;
    for (std::size_t i = 0; i < values(wanted).size(); ++i) {
      largest = std::max(largest, std::abs(wanted.data<float>()[i]));
      apart = std::max(apart, std::abs(wanted.data<float>()[i] - got.data<float>()[i]));
    }
    EXPECT_LE(apart, 1e-5f * largest) << kind;
  }
}

// Training steps of an adapter beside frozen weights.
class AdapterTraining {
 public:
  AdapterTraining(const ModelConfig& config, const ops::Numerics& numerics, const char* kind)
      : case_{config, numerics}, kind_(kind) {}

  Trained run(int threads, ops::Recompute recompute, std::int64_t micro_batch) const {
    TrainingCase c = case_;
    c.recompute = recompute;
    c.micro_batch = micro_batch;
    train::TrainerSettings settings = c.settings();
    settings.adapter = adapter_spec(c.config, kind_);
    settings.adapter->dropout = 0.1f;
    settings.trainable = [](std::string_view name) { return name.starts_with(nn::kAdapterPrefix); };
    Stream stream(threads);
    RandomWeights source(9);
    train::Trainer trainer(c.config, settings, source, c.objective(), stream);
    for (std::int64_t i = 0; i < c.steps; ++i) trainer.step().value();
    Trained result;
    for (const auto& w : trainer.trained_weights()) {
      result.names.push_back(w.name);
      result.weights.push_back(values(w.tensor));
    }
    return result;
  }

 private:
  TrainingCase case_;
  const char* kind_;
};

TEST_P(AdapterIdentity, RecomputeAndThreadsGiveTheSameBits) {
  for (const char* kind : {"lora", "adalora", "bottleneck"}) {
    const AdapterTraining training(small_config(std::get<1>(GetParam()), 0.1), numerics_, kind);
    const Trained one = training.run(1, ops::Recompute::none, 2);
    EXPECT_FALSE(one.names.empty());
    for (const auto level : {ops::Recompute::activations, ops::Recompute::blocks})
      expect_same_weights(one, training.run(2, level, 2));
  }
}

INSTANTIATE_TEST_SUITE_P(All, AdapterIdentity,
                         testing::Combine(testing::ValuesIn(available_kernel_paths()),
                                          testing::Values("gpt2", "gpt1", "gpt3", "llama", "bert"),
                                          testing::Bool()),
                         name_of);

}  // namespace
}  // namespace stemma
