// What a way of training does around the update of a step, beside the objective's losses: a term of
// the loss that depends on weights alone, weights that are set to zero after it (AdaLoRA's budget,
// train/rank_budget.h). The trainer knows none of them.
//
//   settings.hook = std::make_shared<RankBudget>(spec, options);
//   Trainer trainer(config, settings, source, objective, stream);
//
// A hook belongs to one trainer, which calls it on its own thread. Its state lies beside the
// optimiser's in checkpoints, so it must be all that it has to know to go on, bit for bit.
#pragma once

#include <cstdint>
#include <vector>

#include "checkpoint/safetensors_writer.h"
#include "device/stream.h"
#include "nn/parameters.h"
#include "train/metric.h"

namespace stemma::train {

struct StepUpdate {
  std::int64_t step = 0;  // that has been done, from 1
  // What the optimiser multiplied the gradients by (clipping).
  double gradient_scale = 1;
};

class StepHook {
 public:
  virtual ~StepHook() = default;

  // Once, before everything else. `parameters` outlive all other calls. Throws invalid_argument
  // where they are not what the hook is for.
  virtual void attach(const nn::Parameters& parameters) = 0;

  // The gradients of the step are whole and not yet clipped: the hook may add to them. Returns the
  // terms that it adds to the loss, as columns of the step.
  virtual std::vector<Metric> before_update(Stream& stream) = 0;
  // The parameters have their values of after the step, the gradients are zero. The hook may change
  // values.
  virtual void after_update(Stream& stream, const StepUpdate& update) = 0;

  // What a checkpoint keeps of it; restore() gets that and the optimiser's tensors. Throws corrupt.
  virtual std::vector<checkpoint::NamedTensor> state() const = 0;
  virtual void restore(const std::vector<checkpoint::NamedTensor>& state) = 0;
};

}  // namespace stemma::train
