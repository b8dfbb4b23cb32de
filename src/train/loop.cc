#include "train/loop.h"

#include <chrono>
#include <cmath>
#include <limits>
#include <utility>

#include <fmt/format.h>

#include "base/error.h"
#include "base/log.h"
#include "checkpoint/run_folder.h"

namespace stemma::train {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

void require_column(const BestPlan& best, const std::vector<Metric>& columns) {
  if (best.metric.empty() || find_metric(columns, best.metric)) return;
  std::string names;
  for (const Metric& column : columns) names += (names.empty() ? "" : ", ") + column.name;
  throw Error(
      ErrorCode::invalid_argument,
      fmt::format("[train] the best weights are to be chosen by '{}', which no evaluation "
                  "of this run gives: choose one of {}",
                  best.metric, names.empty() ? "none (there is nothing to evaluate on)" : names));
}

}  // namespace

Loop::Loop(Trainer& trainer, LoopPlan plan, const std::filesystem::path& run, Interrupt interrupt,
           const Json& course)
    : trainer_(trainer),
      plan_(std::move(plan)),
      folder_(run),
      interrupt_(interrupt),
      metrics_(run, trainer.step_count()),
      eta_(static_cast<double>(plan_.steps), static_cast<double>(trainer.step_count())) {
  for (const std::string_view column : trainer_.objective().evaluation_columns())
    result_.evaluation.push_back({std::string(column), std::numeric_limits<double>::quiet_NaN()});
  require_column(plan_.best, result_.evaluation);
  if (!course.is_object()) return;
  result_.best_step = course.get("best_step", std::int64_t{-1});
  result_.best = course.get("best", 0.0);
  result_.best_checkpoint = course.get("best_checkpoint", "");
  worse_ = course.get("worse", std::int64_t{0});
  result_.stopped_early = course.get("stopped_early", false);
}

Json Loop::course() const {
  return Json::object({{"best_step", result_.best_step},
                       {"best", result_.best},
                       {"best_checkpoint", result_.best_checkpoint.string()},
                       {"worse", worse_},
                       {"stopped_early", result_.stopped_early}});
}

LoopResult Loop::to_the_end() {
  try {
    while (trainer_.step_count() < plan_.steps && !result_.stopped_early && !interrupt_.requested())
      one_step();
  } catch (const Error&) {
    progress_.finish();
    save_what_there_is();
    throw;
  }
  progress_.finish();
  result_.signal = interrupt_.signal();
  if (saved_step_ != trainer_.step_count()) save();
  metrics_.draw();
  if (step_seconds_ > 0) {
    result_.tokens_per_s = static_cast<double>(step_tokens_) / step_seconds_;
    result_.share_of_peak = result_.tokens_per_s * plan_.flop_per_token / plan_.peak_flops;
  }
  return result_;
}

void Loop::one_step() {
  const auto start = Clock::now();
  const std::optional<StepResult> done = trainer_.step();
  if (!done) return;  // interrupted: the run ends with the step before
  const StepResult& step = *done;
  const double seconds = seconds_since(start);
  step_seconds_ += seconds;
  step_tokens_ += step.tokens;
  result_.loss = step.loss;
  const double rate = static_cast<double>(step.tokens) / seconds;
  const double share = rate * plan_.flop_per_token / plan_.peak_flops;
  metrics_.write(StepMetrics{step.step, trainer_.tokens_seen(), step.loss, step.columns, step.lr,
                             step.gradient_norm, rate, share,
                             metrics_.seconds_before() + seconds_since(began_)});
  eta_.update(static_cast<double>(step.step));
  progress_.update(progress_text(step, rate, share));
  const bool last = step.step == plan_.steps;
  if (plan_.eval_every > 0 && (last || step.step % plan_.eval_every == 0)) evaluate();
  if (plan_.save_every > 0 && !last && step.step % plan_.save_every == 0 &&
      saved_step_ != step.step)
    save();
}

std::string Loop::progress_text(const StepResult& step, double rate, double share) const {
  std::vector<ProgressPart> parts = {{fmt::format("step {}/{}", step.step, plan_.steps), 10},
                                     {fmt::format("loss {:.4f}", step.loss), 9}};
  // The objective's own columns, and the last evaluation.
  for (const Metric& column : step.columns)
    parts.push_back({fmt::format("{} {:.4f}", column.name, column.value), 4});
  const std::string shown = plan_.best.metric.empty() ? "val_loss" : plan_.best.metric;
  const Metric* evaluated = find_metric(result_.evaluation, shown);
  if (evaluated && !std::isnan(evaluated->value))
    parts.push_back(
        {fmt::format("{} {:.4f}", shown == "val_loss" ? "val" : shown, evaluated->value), 6});
  parts.push_back({fmt::format("lr {:.2e}", step.lr), 2});
  parts.push_back({fmt::format("norm {:.2f}", step.gradient_norm), 1});
  parts.push_back({format_rate(rate, "tokens"), 5});
  parts.push_back({fmt::format("{:.0f} % of peak", 100 * share), 3});
  parts.push_back({format_bytes(peak_memory_bytes()), 7});
  parts.push_back({fmt::format("{} left", format_duration(eta_.remaining_seconds())), 8});
  return fitting_line(std::move(parts));
}

void Loop::evaluate() {
  if (result_.evaluation.empty()) return;
  result_.evaluation = trainer_.evaluate();
  metrics_.write(
      EvaluationMetrics{trainer_.step_count(), trainer_.tokens_seen(), result_.evaluation});
  metrics_.draw();
  if (!plan_.best.metric.empty() && trainer_.step_count() >= plan_.best.from_step) judge();
}

// Is this evaluation the best so far, or the last of too many that were not?
void Loop::judge() {
  const double value = find_metric(result_.evaluation, plan_.best.metric)->value;
  const bool first = result_.best_step < 0;
  const bool better = plan_.best.higher ? value > result_.best : value < result_.best;
  if (!std::isnan(value) && (first || better)) {
    result_.best = value;
    result_.best_step = trainer_.step_count();
    worse_ = 0;
    save();
    return;
  }
  ++worse_;
  if (plan_.best.patience == 0 || worse_ < plan_.best.patience) return;
  result_.stopped_early = true;
  progress_.finish();
  log_info(fmt::format(
      "stopped at step {}: {} has not become better than {:.4f} (step {}) in {} "
      "evaluations",
      trainer_.step_count(), plan_.best.metric, result_.best, result_.best_step, worse_));
}

// After an error, whose message is the one to be seen.
void Loop::save_what_there_is() {
  if (trainer_.step_count() == 0 || saved_step_ == trainer_.step_count()) return;
  try {
    save();
    log_info(fmt::format("step {} is saved in {}", saved_step_, result_.checkpoint.string()));
  } catch (const Error& error) {
    log_warning(fmt::format("step {} is not saved: {}", trainer_.step_count(), error.what()));
  }
}

void Loop::save() {
  const bool best = result_.best_step == trainer_.step_count();
  if (best) result_.best_checkpoint = checkpoint::checkpoint_folder(folder_, result_.best_step);
  result_.checkpoint = plan_.save(course());
  saved_step_ = trainer_.step_count();
  if (plan_.prune) prune_checkpoints();
}

void Loop::prune_checkpoints() const {
  checkpoint::keep_checkpoints(folder_, {saved_step_, result_.best_step});
}

}  // namespace stemma::train
