#include "train/bench.h"

#include <chrono>
#include <memory>

#include <fmt/format.h>

#include "base/error.h"
#include "base/progress.h"
#include "device/memory.h"
#include "train/masked_tokens.h"
#include "train/next_token.h"
#include "train/objectives.h"
#include "train/trainer.h"

namespace stemma::train {
namespace {

using Clock = std::chrono::steady_clock;

// Sequences of T ids that are a function of (sequence, position), without end. For a model that
// reads whole texts (`masked`), every seventh token is a target and every sequence has a label.
class RandomBatches final : public BatchSource {
 public:
  RandomBatches(std::int64_t length, std::int64_t vocab, bool masked)
      : length_(length), vocab_(static_cast<std::uint64_t>(vocab)), masked_(masked) {}

  std::int64_t sequence_length() const override { return length_; }
  Counts counts(std::int64_t, std::int64_t count) const override {
    return {count * length_, count * (masked_ ? (length_ + 6) / 7 : length_), masked_ ? count : 0};
  }
  void fill(std::int64_t first, std::int64_t count, std::int64_t first_number,
            Batch& batch) const override {
    batch = {};
    batch.offsets.push_back(0);
    for (std::int64_t i = 0; i < count; ++i) {
      std::int32_t id = id_at(first + i, 0);
      for (std::int64_t t = 0; t < length_; ++t) {
        batch.ids.push_back(id);
        batch.positions.push_back(static_cast<std::int32_t>(t));
        id = id_at(first + i, t + 1);
        batch.targets.push_back(masked_ && t % 7 != 0 ? -1 : id);
      }
      if (masked_) batch.labels.push_back(static_cast<std::int32_t>((first + i) % 2));
      batch.offsets.push_back(batch.tokens());
      batch.numbers.push_back(first_number + i);
    }
  }

 private:
  std::int32_t id_at(std::int64_t sequence, std::int64_t t) const {
    std::uint64_t x =
        static_cast<std::uint64_t>(sequence * (length_ + 1) + t) * 0x9E3779B97F4A7C15u;
    x = (x ^ (x >> 31)) * 0xBF58476D1CE4E5B9u;
    return static_cast<std::int32_t>((x >> 33) % vocab_);
  }

  std::int64_t length_;
  std::uint64_t vocab_;
  bool masked_;
};

std::shared_ptr<const Objective> objective_for(const ModelConfig& config, std::int64_t length) {
  const bool masked = default_objective(config) == "mlm";
  auto batches = std::make_shared<RandomBatches>(length, config.vocab, masked);
  if (masked) return std::make_shared<MaskedTokens>(std::move(batches), config.pair_head);
  return std::make_shared<NextToken>(std::move(batches));
}

// Before the batch is made: at least the input of every block, and the ids, lie in memory at once.
void require_memory(const ModelConfig& config, const BenchSettings& s) {
  const double tokens = static_cast<double>(s.batch) * static_cast<double>(s.sequence_length);
  const double bytes = tokens * (16.0 + 4.0 * static_cast<double>(config.layers) *
                                            static_cast<double>(config.channels));
  if (bytes > static_cast<double>(available_memory_bytes()))
    throw Error(
        ErrorCode::out_of_memory,
        fmt::format(
            "[bench] a step of {} tokens needs {} at least, and {} of memory is free: use a "
            "smaller batch or seq",
            format_count(tokens), format_bytes(static_cast<std::uint64_t>(bytes)),
            format_bytes(available_memory_bytes())));
}

}  // namespace

BenchResult bench_steps(const ModelConfig& config, const BenchSettings& s,
                        nn::WeightSource& weights, Stream& stream) {
  if (s.batch < 1 || s.sequence_length < 1 || s.steps < 1 || s.warmup < 0)
    throw Error(ErrorCode::invalid_argument, "[bench] batch, seq and steps must be at least 1");
  require_memory(config, s);
  TrainerSettings settings;
  // A rate at which random weights stay finite for any number of steps.
  settings.schedule = {1e-4, 1e-4, 0, s.warmup + s.steps};
  settings.batch = s.batch;
  settings.micro_batch = s.micro_batch > 0 ? s.micro_batch : s.batch;
  settings.numerics = s.numerics;
  settings.recompute = s.recompute;
  settings.interrupt = s.interrupt;
  require_objective(default_objective(config), config);
  Trainer trainer(config, settings, weights, objective_for(config, s.sequence_length), stream);
  BenchResult result;
  for (std::int64_t i = 0; i < s.warmup + s.steps && !s.interrupt.requested(); ++i) {
    const auto start = Clock::now();
    if (!trainer.step()) break;  // half of a step has no rate
    const double taken = std::chrono::duration<double>(Clock::now() - start).count();
    if (i >= s.warmup) result.seconds.push_back(taken);
  }
  result.memory = trainer.memory_report();
  return result;
}

}  // namespace stemma::train
