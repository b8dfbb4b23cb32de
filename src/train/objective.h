// What a model is trained for: an objective says where the batches of a step come from, turns the
// model's states into losses, evaluates on held-out data, and names the columns that all this has
// in metrics.jsonl. The trainer knows none of them; it runs passes, adds up and updates weights.
//
//   class Tags final : public Objective {        // one class for each token
//     const BatchSource& batches() const override { return *batches_; }
//     std::vector<Loss> losses(const States& s, const Counts& step) const override {
//       return {{"tag_loss", head_.loss(s.ctx, s.h, s.batch.targets, 1.0 / step.targets)}};
//     }
//     ...
//   };
//   Trainer trainer(config, settings, source, std::make_shared<Tags>(...), stream);
//
// A step is a few micro-batches whose gradients add up. Its result must not depend on how it is
// cut, so a loss is a sum over the micro-batch divided by what the *whole step* holds (Counts).
//
// Members: train/next_token.h, train/masked_tokens.h. An objective is immutable while a trainer
// uses it; one that learns from what a step gave (PPO) makes its batches before the step and stands
// still during it.
#pragma once

#include <cstdint>
#include <functional>
#include <string_view>
#include <vector>

#include "models/model.h"
#include "train/batch_source.h"
#include "train/metric.h"

namespace stemma::train {

// A batch and what the model makes of it; where heads of tasks read some tokens only, of these
// (nn/read_rows.h).
struct States {
  ops::Context& ctx;  // records in a training step, not in an evaluation
  const Model& model;
  const Batch& batch;
  const Tensor& h;  // [N, C]
};

// One loss of a micro-batch, a root of the tape.
struct Loss {
  // The column of its mean over the step; empty where the column `loss` says it already.
  std::string_view name;
  // [1]: weight / (what the step holds) · Σ over this micro-batch; empty: it holds nothing for it.
  Tensor root;
  double weight = 1;  // its share in the total; the column is without it
};

// Runs a batch through the model without recording: `use` gets the states while they exist.
struct Inference {
  std::int64_t sequences = 1;  // about how many to take at a time
  std::function<void(const Batch& batch, const std::function<void(const States&)>& use)> run;
};

class Objective {
 public:
  virtual ~Objective() = default;

  virtual const BatchSource& batches() const = 0;

  // Whether hardly two batches have the same shape: plans of their memory would never fit twice.
  virtual bool shapes_vary() const { return false; }

  // The losses of a micro-batch, as many and in the same order for every one. `step`: what all
  // micro-batches of the step hold together. Their sum is the column `loss`.
  virtual std::vector<Loss> losses(const States& states, const Counts& step) const = 0;

  // The columns of an evaluation, in order; `val_loss`, which loss.svg shows, is the first. Empty
  // where there is nothing to evaluate on.
  virtual std::vector<std::string_view> evaluation_columns() const { return {}; }
  // Their values on held-out data.
  virtual std::vector<Metric> evaluate(const Inference& /*inference*/) const { return {}; }
};

}  // namespace stemma::train
