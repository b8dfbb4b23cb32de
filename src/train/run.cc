#include "train/run.h"

#include <chrono>
#include <cmath>
#include <limits>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "base/progress.h"
#include "device/cpu.h"
#include "device/peaks.h"
#include "models/cost.h"
#include "train/metrics.h"
#include "train/setup.h"

namespace stemma::train {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// What this machine reaches in the type that products multiply in, in FLOP/s.
double multiply_peak(Stream& stream, const ops::Numerics& numerics) {
  PeakOptions options;
  options.time = std::chrono::milliseconds(60);
  options.quick = true;
  return stemma::multiply_peak(measure_peaks(stream, options),
                               numerics.multiply == kernels::Multiply::bf16);
}

// The loop around the trainer: metrics, evaluation, checkpoints, progress.
class Run {
 public:
  Run(Setup setup, const std::filesystem::path& folder, Interrupt interrupt)
      : setup_(std::move(setup)),
        recipe_(setup_.recipe),
        folder_(folder),
        interrupt_(interrupt),
        trainer_(*setup_.trainer),
        metrics_(folder, trainer_.step_count()),
        eta_(static_cast<double>(recipe_.steps), static_cast<double>(trainer_.step_count())),
        flop_per_token_(
            ModelCost(setup_.model.model).training_flop_per_token(recipe_.sequence_length)),
        peak_flops_(multiply_peak(*setup_.stream, setup_.numerics)) {
    for (const std::string_view column : trainer_.objective().evaluation_columns())
      result_.evaluation.push_back({std::string(column), std::numeric_limits<double>::quiet_NaN()});
  }

  RunResult to_the_end() {
    announce();
    try {
      while (trainer_.step_count() < recipe_.steps && !interrupt_.requested()) one_step();
    } catch (const Error&) {
      progress_.finish();
      save_what_there_is();
      throw;
    }
    progress_.finish();
    result_.signal = interrupt_.signal();
    if (saved_step_ != trainer_.step_count()) save();
    metrics_.draw();
    result_.steps = trainer_.step_count();
    result_.tokens = trainer_.tokens_seen();
    result_.parameters = ModelCost(setup_.model.model).parameters();
    if (step_seconds_ > 0) {
      result_.tokens_per_s = static_cast<double>(step_tokens_) / step_seconds_;
      result_.share_of_peak = result_.tokens_per_s * flop_per_token_ / peak_flops_;
    }
    return result_;
  }

 private:
  void announce() const {
    const ModelConfig& c = setup_.model.model;
    log_info(fmt::format(
        "{} parameters ({} layers, {} channels, {} heads, vocabulary {}, context {}), {} kernels, "
        "{} products, measured peak {}",
        format_count(static_cast<double>(ModelCost(c).parameters())), c.layers, c.channels, c.heads,
        c.vocab, c.context, to_string(kernel_path()), to_string(setup_.numerics.multiply),
        fmt::format("{:.0f} GFLOP/s", peak_flops_ / 1e9)));
    log_info(fmt::format(
        "{} training tokens, {} validation tokens; {} steps of {} sequences of {} tokens",
        format_count(static_cast<double>(setup_.data.manifest().train.tokens)),
        format_count(static_cast<double>(setup_.data.manifest().validation.tokens)), recipe_.steps,
        recipe_.batch, recipe_.sequence_length));
    log_info(fmt::format("weights: {}", setup_.weights_from));
    if (trainer_.step_count() > 0)
      log_info(fmt::format("resumed at step {} of {}", trainer_.step_count(), recipe_.steps));
  }

  void one_step() {
    const auto start = Clock::now();
    const std::optional<StepResult> done = trainer_.step();
    if (!done) return;  // interrupted: the run ends with the step before
    const StepResult& step = *done;
    const double seconds = seconds_since(start);
    step_seconds_ += seconds;
    step_tokens_ += step.tokens;
    result_.loss = step.loss;
    const double rate = static_cast<double>(step.tokens) / seconds;
    const double share = rate * flop_per_token_ / peak_flops_;
    metrics_.write(StepMetrics{step.step, trainer_.tokens_seen(), step.loss, step.columns, step.lr,
                               step.gradient_norm, rate, share,
                               metrics_.seconds_before() + seconds_since(began_)});
    eta_.update(static_cast<double>(step.step));
    progress_.update(progress_text(step, rate, share));
    const bool last = step.step == recipe_.steps;
    if (recipe_.eval_every > 0 && (last || step.step % recipe_.eval_every == 0)) evaluate();
    if (recipe_.save_every > 0 && !last && step.step % recipe_.save_every == 0) save();
  }

  std::string progress_text(const StepResult& step, double rate, double share) const {
    std::vector<ProgressPart> parts = {{fmt::format("step {}/{}", step.step, recipe_.steps), 10},
                                       {fmt::format("loss {:.4f}", step.loss), 9}};
    // The objective's own columns, and the last evaluation.
    for (const Metric& column : step.columns)
      parts.push_back({fmt::format("{} {:.4f}", column.name, column.value), 4});
    const Metric* evaluated = find_metric(result_.evaluation, "val_loss");
    if (evaluated && !std::isnan(evaluated->value))
      parts.push_back({fmt::format("val {:.4f}", evaluated->value), 6});
    parts.push_back({fmt::format("lr {:.2e}", step.lr), 2});
    parts.push_back({fmt::format("norm {:.2f}", step.gradient_norm), 1});
    parts.push_back({format_rate(rate, "tokens"), 5});
    parts.push_back({fmt::format("{:.0f} % of peak", 100 * share), 3});
    parts.push_back({format_bytes(peak_memory_bytes()), 7});
    parts.push_back({fmt::format("{} left", format_duration(eta_.remaining_seconds())), 8});
    return fitting_line(std::move(parts));
  }

  void evaluate() {
    if (result_.evaluation.empty()) return;
    result_.evaluation = trainer_.evaluate();
    metrics_.write(
        EvaluationMetrics{trainer_.step_count(), trainer_.tokens_seen(), result_.evaluation});
    metrics_.draw();
  }

  // After an error, whose message is the one to be seen.
  void save_what_there_is() {
    if (trainer_.step_count() == 0 || saved_step_ == trainer_.step_count()) return;
    try {
      save();
      log_info(fmt::format("step {} is saved in {}", saved_step_, result_.checkpoint.string()));
    } catch (const Error& error) {
      log_warning(fmt::format("step {} is not saved: {}", trainer_.step_count(), error.what()));
    }
  }

  void save() {
    result_.checkpoint = save_checkpoint(setup_, folder_);
    saved_step_ = trainer_.step_count();
  }

  Setup setup_;
  const Recipe& recipe_;
  std::filesystem::path folder_;
  Interrupt interrupt_;
  Trainer& trainer_;
  MetricsLog metrics_;
  EtaEstimator eta_;
  double flop_per_token_, peak_flops_;
  ProgressLine progress_;
  RunResult result_;
  Clock::time_point began_ = Clock::now();
  double step_seconds_ = 0;
  std::int64_t step_tokens_ = 0;
  std::int64_t saved_step_ = -1;
};

}  // namespace

RunResult run_training(Recipe recipe, const std::filesystem::path& run, Resume resume,
                       Interrupt interrupt) {
  std::optional<Setup> setup = set_up(std::move(recipe), run, resume, interrupt);
  if (!setup) {  // interrupted while packing
    RunResult stopped;
    stopped.signal = interrupt.signal();
    return stopped;
  }
  return Run(std::move(*setup), run, interrupt).to_the_end();
}

}  // namespace stemma::train
