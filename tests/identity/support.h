// A small model and random batches for the identity tests.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include <gtest/gtest.h>

#include "base/philox.h"
#include "device/cpu.h"
#include "models/family.h"
#include "models/model.h"
#include "models/patterns.h"
#include "nn/fresh_weights.h"
#include "train/masked_tokens.h"
#include "train/next_token.h"
#include "train/trainer.h"

namespace stemma {

// Longer than a chunk of 256 keys, sizes that are no multiples of a vector.
inline ModelConfig small_config(const std::string& family, double dropout = 0) {
  ModelConfig c = family_named(family).defaults();
  c.vocab = 61;
  c.context = 300;
  c.channels = 36;
  c.heads = 3;
  c.layers = 2;
  c.hidden = family == "gpt1" ? 144 : 100;  // GPT-1's files have 4 C
  c.embedding_dropout = c.attention_dropout = c.residual_dropout = dropout;
  c.weight_std = 0.15;
  c.scaled_residual = true;
  c.position_std = 0.1;
  if (family == "llama") c.kv_heads = 1;
  // Patterns whose edges lie inside a chunk of keys; four layers have all of them.
  if (family == "gpt3") {
    c.layers = 4;
    c.patterns = repeated_patterns({"dense", "local:70", "dilated:7", "strided:33"}, c.layers);
  }
  return c;
}

// Kernel path, family, bf16 products or f32.
using PathCase = std::tuple<KernelPath, std::string, bool>;

inline std::string name_of(const testing::TestParamInfo<PathCase>& info) {
  return std::string(to_string(std::get<0>(info.param))) + "_" + std::get<1>(info.param) +
         (std::get<2>(info.param) ? "_bf16" : "_f32");
}

inline std::int32_t random_id(std::int64_t sequence, std::int64_t position, std::int64_t vocab) {
  const auto bits = philox(philox_key(77), {static_cast<std::uint32_t>(position),
                                            static_cast<std::uint32_t>(sequence), 0, 0});
  return static_cast<std::int32_t>(bits[0] % static_cast<std::uint64_t>(vocab));
}

// Appends one sequence with random ids.
inline void append_sequence(Batch& batch, std::int64_t sequence, std::int64_t length,
                            std::int64_t vocab) {
  if (batch.offsets.empty()) batch.offsets = {0};
  for (std::int64_t t = 0; t < length; ++t) {
    batch.ids.push_back(random_id(sequence, t, vocab));
    batch.positions.push_back(static_cast<std::int32_t>(t));
    batch.targets.push_back(random_id(sequence, t + 1, vocab));
  }
  batch.offsets.push_back(batch.tokens());
  batch.numbers.push_back(sequence);
}

// Numbers large enough to be seen in every parameter, a LoRA's B among them.
class LargeNumbers final : public nn::WeightSource {
 public:
  explicit LargeNumbers(std::uint64_t seed) : fresh_(seed) {}
  Weight load(const nn::ParameterSpec& spec) override {
    nn::ParameterSpec large = spec;
    large.init = nn::Init::normal(0.3);
    return fresh_.load(large);
  }

 private:
  nn::FreshWeights fresh_;
};

// Sequence i has its own length, so packed batches are ragged. For encoders (`masked`) every fifth
// token is a target, the second half of a sequence is its second segment, and it has a label.
class RandomBatches final : public train::BatchSource {
 public:
  RandomBatches(std::int64_t vocab, std::int64_t longest, bool masked = false)
      : vocab_(vocab), longest_(longest), masked_(masked) {}
  std::int64_t sequence_length() const override { return longest_; }
  std::int64_t length(std::int64_t i) const { return longest_ - (i * 37) % (longest_ / 2); }
  void fill(std::int64_t first, std::int64_t count, std::int64_t first_number,
            Batch& batch) const override {
    batch = {};
    for (std::int64_t i = 0; i < count; ++i) {
      append_sequence(batch, first + i, length(first + i), vocab_);
      batch.numbers.back() = first_number + i;
      if (masked_) mask(batch, first + i);
    }
  }
  train::Counts counts(std::int64_t first, std::int64_t count) const override {
    train::Counts counts;
    for (std::int64_t i = first; i < first + count; ++i) {
      counts.tokens += length(i);
      counts.targets += masked_ ? (length(i) + 4) / 5 : length(i);
      counts.labels += masked_ ? 1 : 0;
    }
    return counts;
  }

 private:
  void mask(Batch& batch, std::int64_t sequence) const {
    const std::int64_t tokens = length(sequence), begin = batch.tokens() - tokens;
    for (std::int64_t t = 0; t < tokens; ++t) {
      if (t % 5 != 0) batch.targets[static_cast<std::size_t>(begin + t)] = -1;
      batch.segments.push_back(2 * t < tokens ? 0 : 1);
    }
    batch.labels.push_back(static_cast<std::int32_t>(sequence % 3 == 0));
  }

  std::int64_t vocab_, longest_;
  bool masked_;
};

inline std::vector<float> values(const Tensor& t) {
  return {t.data<float>(), t.data<float>() + t.elements()};
}

inline void expect_same_bits(const Tensor& a, const Tensor& b, const std::string& what) {
  ASSERT_EQ(a.elements(), b.elements()) << what;
  ASSERT_EQ(a.dtype(), b.dtype()) << what;
  ASSERT_TRUE(a.contiguous() && b.contiguous()) << what;
  const auto bytes = static_cast<std::size_t>(a.elements()) * size_of(a.dtype());
  EXPECT_EQ(std::string(static_cast<const char*>(a.raw()), bytes),
            std::string(static_cast<const char*>(b.raw()), bytes))
      << what << " differs";
}

// What a training run is made of; train() runs it and returns all weights.
struct TrainingCase {
  ModelConfig config;
  ops::Numerics numerics;
  ops::Recompute recompute = ops::Recompute::none;
  int threads = 2;
  std::int64_t batch = 4, micro_batch = 2;
  std::int64_t steps = 3;
  std::int64_t longest = 280;  // tokens of a sequence
  std::optional<train::Adversarial> adversarial{};

  train::TrainerSettings settings() const {
    train::TrainerSettings s;
    s.schedule = {1e-2, 1e-3, 2, 10};
    s.batch = batch;
    s.micro_batch = micro_batch;
    s.seed = 5;
    s.numerics = numerics;
    s.recompute = recompute;
    s.adversarial = adversarial;
    return s;
  }
  std::shared_ptr<const train::Objective> objective() const {
    auto batches = std::make_shared<RandomBatches>(config.vocab, longest, !config.causal);
    if (config.causal) return std::make_shared<train::NextToken>(std::move(batches));
    return std::make_shared<train::MaskedTokens>(std::move(batches), config.pair_head);
  }
};

struct Trained {
  std::vector<std::string> names;
  std::vector<std::vector<float>> weights;
  std::vector<double> losses;
};

inline Trained outcome(const train::Trainer& trainer) {
  Trained result;
  for (const auto& w : trainer.weights()) {
    result.names.push_back(w.name);
    result.weights.push_back(values(w.tensor));
  }
  return result;
}

inline Trained run(const TrainingCase& c) {
  Stream stream(c.threads);
  nn::FreshWeights source(9);
  train::Trainer trainer(c.config, c.settings(), source, c.objective(), stream);
  std::vector<double> losses;
  for (std::int64_t i = 0; i < c.steps; ++i) losses.push_back(trainer.step().value().loss);
  Trained result = outcome(trainer);
  result.losses = losses;
  return result;
}

inline void expect_same_weights(const Trained& a, const Trained& b) {
  ASSERT_EQ(a.names, b.names);
  for (std::size_t i = 0; i < a.names.size(); ++i)
    EXPECT_EQ(a.weights[i], b.weights[i]) << a.names[i];
}

}  // namespace stemma
