#include "train/run.h"

#include <chrono>
#include <utility>

#include <fmt/format.h>

#include "base/log.h"
#include "base/progress.h"
#include "device/cpu.h"
#include "device/peaks.h"
#include "models/cost.h"
#include "train/setup.h"

namespace stemma::train {
namespace {

void announce(const Setup& setup, double peak_flops) {
  const ModelConfig& c = setup.model.model;
  log_info(fmt::format(
      "{} parameters ({} layers, {} channels, {} heads, vocabulary {}, context {}), {} kernels, "
      "{} products, measured peak {}",
      format_count(static_cast<double>(ModelCost(c).parameters())), c.layers, c.channels, c.heads,
      c.vocab, c.context, to_string(kernel_path()), to_string(setup.numerics.multiply),
      fmt::format("{:.0f} GFLOP/s", peak_flops / 1e9)));
  log_info(
      fmt::format("{} training tokens, {} validation tokens; {} steps of {} sequences of {} tokens",
                  format_count(static_cast<double>(setup.data.manifest().train.tokens)),
                  format_count(static_cast<double>(setup.data.manifest().validation.tokens)),
                  setup.recipe.steps, setup.recipe.batch, setup.recipe.sequence_length));
  log_info(fmt::format("weights: {}", setup.weights_from));
  if (setup.trainer->step_count() > 0)
    log_info(
        fmt::format("resumed at step {} of {}", setup.trainer->step_count(), setup.recipe.steps));
}

}  // namespace

double multiply_peak(Stream& stream, const ops::Numerics& numerics) {
  PeakOptions options;
  options.time = std::chrono::milliseconds(60);
  options.quick = true;
  return stemma::multiply_peak(measure_peaks(stream, options),
                               numerics.multiply == kernels::Multiply::bf16);
}

RunResult run_training(Recipe recipe, const std::filesystem::path& run, Resume resume,
                       Interrupt interrupt) {
  std::optional<Setup> setup = set_up(std::move(recipe), run, resume, interrupt);
  if (!setup) {  // interrupted while packing
    RunResult stopped;
    stopped.signal = interrupt.signal();
    return stopped;
  }
  LoopPlan plan;
  plan.steps = setup->recipe.steps;
  plan.eval_every = setup->recipe.eval_every;
  plan.save_every = setup->recipe.save_every;
  plan.best = best_plan(setup->recipe);
  const ModelCost cost(setup->model.model);
  plan.flop_per_token = cost.training_flop_per_token(setup->recipe.sequence_length);
  plan.peak_flops = multiply_peak(*setup->stream, setup->numerics);
  plan.save = [&](const Json& course) { return save_checkpoint(*setup, run, course); };
  announce(*setup, plan.peak_flops);
  RunResult result;
  static_cast<LoopResult&>(result) =
      Loop(*setup->trainer, std::move(plan), run, interrupt, setup->course).to_the_end();
  result.steps = setup->trainer->step_count();
  result.tokens = setup->trainer->tokens_seen();
  result.parameters = cost.parameters();
  return result;
}

}  // namespace stemma::train
