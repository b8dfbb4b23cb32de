// One model, one optimiser, one stream of batches: the training step and nothing around it.
//
//   Trainer trainer(config, settings, source, batches, stream);
//   while (trainer.step_count() < settings.schedule.steps) auto r = trainer.step();
//
// Deterministic: the state after a step is a function of the settings, the initial weights and the
// data, on one kernel path. One thread; the stream's workers do the work.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "checkpoint/run_folder.h"
#include "data/sampler.h"
#include "models/model.h"
#include "nn/parameters.h"
#include "ops/arena.h"
#include "ops/tape.h"
#include "train/adamw.h"
#include "train/batch_source.h"
#include "train/schedule.h"

namespace stemma::train {

struct TrainerSettings {
  Schedule schedule;
  AdamWOptions optimizer;
  std::int64_t batch = 1;        // sequences a step
  std::int64_t micro_batch = 1;  // sequences at a time; gradients of a step add up
  std::uint64_t seed = 0;
  ops::Numerics numerics;
  ops::Recompute recompute = ops::Recompute::none;
};

struct StepResult {
  std::int64_t step = 0;    // steps done, this one included
  std::int64_t tokens = 0;  // targets of this step
  double loss = 0;          // mean negative log-likelihood, nats per token
  double lr = 0;
  double gradient_norm = 0;  // before clipping
};

struct Evaluation {
  double loss = 0;           // nats per token
  double bits_per_byte = 0;  // of the text that the tokens stand for
  std::int64_t tokens = 0;
};

class Trainer {
 public:
  // `source` gives the initial weights. Throws invalid_argument for impossible settings,
  // out_of_memory.
  Trainer(const ModelConfig& config, const TrainerSettings& settings, nn::WeightSource& source,
          std::shared_ptr<const BatchSource> batches, Stream& stream);

  // The next step. Nothing when a signal (base/interrupt.h) came between its micro-batches: no
  // weight has changed, but the gradients are half of a step's, so this trainer takes no other.
  // Throws invalid_argument, without having changed a weight, when the loss or the gradient is not
  // finite.
  std::optional<StepResult> step();
  std::int64_t step_count() const { return step_; }
  std::int64_t tokens_seen() const { return tokens_; }

  Evaluation evaluate(const EvaluationWindows& windows, std::int64_t text_bytes);

  // All weights, under their global names.
  std::vector<checkpoint::NamedTensor> weights() const;
  const AdamW& optimizer() const { return *optimizer_; }
  const Model& model() const { return *model_; }
  // Bytes that the tape held at the end of the first forward pass, by operation.
  const std::vector<ops::TapeReportLine>& memory_report() const { return memory_report_; }

  // Where the run stands, and going on from there with the weights that `source` gave.
  checkpoint::TrainingState state() const;
  void resume(const checkpoint::TrainingState& state,
              const std::vector<checkpoint::NamedTensor>& optimizer);

 private:
  double accumulate(std::int64_t first_sequence, std::int64_t first_number, std::int64_t count,
                    double scale);
  std::uint64_t shape_key() const;

  TrainerSettings settings_;
  Stream& stream_;
  std::shared_ptr<const BatchSource> batches_;
  std::unique_ptr<Model> model_;  // before the parameters, whose construction builds it
  std::unique_ptr<nn::Parameters> parameters_;
  std::unique_ptr<AdamW> optimizer_;
  ops::Arena arena_;
  ops::Context ctx_;
  ops::Tape tape_;
  Batch batch_;
  std::vector<ops::TapeReportLine> memory_report_;
  std::int64_t step_ = 0, sequences_ = 0, tokens_ = 0;
};

}  // namespace stemma::train
