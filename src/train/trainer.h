// One model, one optimiser, one objective: the training step and nothing around it.
//
//   Trainer trainer(config, settings, source, objective, stream);
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

#include "base/interrupt.h"
#include "checkpoint/run_folder.h"
#include "models/model.h"
#include "nn/adapter.h"
#include "nn/parameters.h"
#include "ops/arena.h"
#include "ops/block_pool.h"
#include "ops/tape.h"
#include "train/adamw.h"
#include "train/adversarial.h"
#include "train/objective.h"
#include "train/schedule.h"
#include "train/step_hook.h"

namespace stemma::train {

struct TrainerSettings {
  Schedule schedule;
  AdamWOptions optimizer;
  std::int64_t batch = 1;        // sequences a step
  std::int64_t micro_batch = 1;  // sequences at a time; gradients of a step add up
  std::uint64_t seed = 0;
  ops::Numerics numerics;
  ops::Recompute recompute = ops::Recompute::none;
  // Which parameters are trained, by name; empty: all. The others stay as their source stores them.
  nn::Trainable trainable{};
  // Trained beside the model; its parameters begin with nn::kAdapterPrefix.
  std::optional<nn::AdapterSpec> adapter{};
  std::optional<Adversarial> adversarial{};
  // What else happens around the updates; null: nothing. Of this trainer alone.
  std::shared_ptr<StepHook> hook{};
  Interrupt interrupt{};  // asked between micro-batches
};

struct StepResult {
  std::int64_t step = 0;    // steps done, this one included
  std::int64_t tokens = 0;  // that the model read in this step
  double loss = 0;          // the sum of the objective's losses and of the hook's terms
  // These one by one, where they have names; adversarial_loss, the losses' sum on the perturbed
  // embeddings, where those are learnt from too (`loss` is without it).
  std::vector<Metric> columns;
  double lr = 0;
  double gradient_norm = 0;  // before clipping
};

class Trainer {
 public:
  // `source` gives the initial weights. Throws invalid_argument for impossible settings and where
  // `trainable` leaves nothing to train, out_of_memory.
  Trainer(const ModelConfig& config, const TrainerSettings& settings, nn::WeightSource& source,
          std::shared_ptr<const Objective> objective, Stream& stream);

  // The next step. Nothing when the interrupt asked for an end between its micro-batches: no
  // weight has changed, but the gradients are half of a step's, so this trainer takes no other.
  // Throws invalid_argument, without having changed a weight, when the loss or the gradient is not
  // finite.
  std::optional<StepResult> step();
  std::int64_t step_count() const { return step_; }
  std::int64_t tokens_seen() const { return tokens_; }

  // The objective's figures on its held-out data, none where it has no such data.
  std::vector<Metric> evaluate();
  const Objective& objective() const { return *objective_; }

  // All weights in f32, under their global names: the trained ones, then the frozen ones.
  std::vector<checkpoint::NamedTensor> weights() const;
  // The trained ones alone.
  std::vector<checkpoint::NamedTensor> trained_weights() const;
  std::int64_t trained_parameters() const;
  // The optimiser's tensors, and those of the hook.
  std::vector<checkpoint::NamedTensor> optimizer_state() const;
  const Model& model() const { return *model_; }
  // What its passes know of adapters; null where there is none.
  const nn::Adapters* adapters() const { return adapter_ ? &adapters_ : nullptr; }
  // Bytes that the tape held at the end of the first forward pass, by operation.
  const std::vector<ops::TapeReportLine>& memory_report() const { return memory_report_; }

  // Where the run stands, and going on from there with the weights that `source` gave.
  checkpoint::TrainingState state() const;
  void resume(const checkpoint::TrainingState& state,
              const std::vector<checkpoint::NamedTensor>& optimizer);

 private:
  Allocator& memory() {
    return objective_->shapes_vary() ? static_cast<Allocator&>(pool_) : arena_;
  }
  // A step of the arena where that gives the memory.
  std::optional<ops::Arena::Step> planned(std::uint64_t shape);
  void accumulate(std::int64_t first_sequence, std::int64_t first_number, const Counts& counts,
                  StepResult& result);
  Tensor run_pass(const LearningPass& pass, const Counts& counts, StepResult& result);

  TrainerSettings settings_;
  Stream& stream_;
  std::shared_ptr<const Objective> objective_;
  // Before the parameters, whose construction builds them.
  std::unique_ptr<Model> model_;
  std::unique_ptr<nn::Adapter> adapter_;
  nn::Adapters adapters_;
  std::unique_ptr<nn::Parameters> parameters_;
  std::unique_ptr<AdamW> optimizer_;
  ops::Arena arena_;     // where batches repeat their shapes
  ops::BlockPool pool_;  // where they do not
  ops::Context ctx_;
  ops::Tape tape_;
  // Passes that do not learn: a tape with no place for the parameters' gradients.
  std::vector<Tensor> no_gradients_;
  std::optional<ops::Tape> probe_;
  Batch batch_;
  std::vector<ops::TapeReportLine> memory_report_;
  std::int64_t step_ = 0, sequences_ = 0, tokens_ = 0;
};

}  // namespace stemma::train
