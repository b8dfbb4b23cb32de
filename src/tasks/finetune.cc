#include "tasks/finetune.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "base/progress.h"
#include "checkpoint/adapter_folder.h"
#include "checkpoint/run_folder.h"
#include "device/cpu.h"
#include "models/cost.h"
#include "tasks/finetune_setup.h"
#include "tasks/task_model.h"
#include "tasks/task_report.h"
#include "train/run.h"
#include "train/run_files.h"

namespace stemma::tasks {
namespace {

void announce(const FinetuneSetup& s, double peak_flops) {
  const ModelConfig& c = s.model.model;
  const std::int64_t all = ModelCost(c).parameters(), trained = s.trainer->trained_parameters();
  log_info(fmt::format(
      "{} of {} parameters are trained ({:.2f} %), {} kernels, {} products, "
      "measured peak {:.0f} GFLOP/s",
      format_count(static_cast<double>(trained)), format_count(static_cast<double>(all)),
      100.0 * static_cast<double>(trained) / static_cast<double>(all), to_string(kernel_path()),
      to_string(s.numerics.multiply), peak_flops / 1e9));
  std::size_t dev_rows = 0;
  for (const TaskPart& part : s.parts) dev_rows += part.dev.rows.size();
  log_info(
      fmt::format("{} training rows of {:.1f} tokens in the mean, {} dev rows; {} steps of {} "
                  "rows ({:.3g} epochs)",
                  s.train_rows, s.mean_tokens, dev_rows, s.steps, s.recipe.batch, s.recipe.epochs));
  if (s.adversarial)
    log_info(
        fmt::format("adversarial training ({}): the embeddings of each text are changed by up "
                    "to {:.3g}, that is {:.3g} mean norms of a token's vector",
                    s.recipe.adversarial.adversarial, s.adversarial->epsilon,
                    s.recipe.adversarial.adversarial_epsilon));
  if (s.trainer->step_count() > 0)
    log_info(fmt::format("resumed at step {} of {}", s.trainer->step_count(), s.steps));
}

// The column by which the best weights are chosen where the recipe does not say.
std::string usual_best(const std::vector<TaskPart>& parts) {
  return std::string(parts.size() > 1 ? kMeanColumn : usual_best(parts.front().description()));
}

train::LoopPlan plan_of(const FinetuneSetup& s, const std::filesystem::path& run) {
  train::LoopPlan plan;
  plan.steps = s.steps;
  plan.eval_every = s.recipe.eval_every > 0 ? s.recipe.eval_every : s.steps_an_epoch;
  plan.save_every = plan.eval_every;
  plan.prune = true;
  if (std::any_of(s.parts.begin(), s.parts.end(),
                  [](const TaskPart& part) { return !part.dev.rows.empty(); })) {
    plan.best.metric = s.recipe.keep_best == kAuto ? usual_best(s.parts) : s.recipe.keep_best;
    plan.best.higher = !plan.best.metric.ends_with("loss");
    plan.best.patience = s.recipe.patience;
    // Before that there are more ranks than the run may keep.
    if (s.rank_budget) plan.best.from_step = s.rank_budget->settled_step();
  }
  plan.flop_per_token = ModelCost(s.model.model)
                            .training_flop_per_token(static_cast<std::int64_t>(s.mean_tokens) + 1);
  plan.flop_per_token *= train::cost_in_steps(s.adversarial);
  plan.peak_flops = train::multiply_peak(*s.stream, s.numerics);
  plan.save = [&s, run](const Json& course) { return save_checkpoint(s, run, course); };
  return plan;
}

// The settings that the run's recipe names, in its order.
Settings shown_settings(const FinetuneRecipe& recipe) {
  FinetuneRecipe copy = recipe;
  OptionSet options("recipe");
  declare(copy, options);
  Settings settings{"Training", {}};
  for (const OptionInfo& info : options.infos())
    if (!info.default_text.empty() && info.default_text != "\"\"")
      settings.rows.emplace_back(info.key, info.default_text);
  return settings;
}

// The training curve, from the run's own metrics.
std::vector<TrainingPoint> curve_of(const std::filesystem::path& run, const std::string& metric) {
  std::vector<TrainingPoint> curve;
  const std::string text = read_file(run / "metrics.jsonl");
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    const Json line = Json::parse(std::string_view(text).substr(begin, end - begin), "metrics");
    begin = end + 1;
    TrainingPoint point{line.at("step").as_int(), std::nullopt, std::nullopt};
    if (const Json* loss = line.find("loss"); loss && loss->is_number())
      point.loss = loss->as_double();
    if (const Json* value = line.find(metric); value && value->is_number())
      point.dev_metric = value->as_double();
    curve.push_back(point);
  }
  return curve;
}

// What the best weights answer for a task; `dev_metric`: its column that the curve shows.
Report report_of_part(const FinetuneSetup& s, const std::filesystem::path& run,
                      const TaskPart& part, const std::string& dev_metric) {
  const TaskDescription& task = part.description();
  const bool tested = !part.test.rows.empty();
  const TaskRows& rows = tested ? part.test : part.dev;
  Report report;
  if (!rows.rows.empty()) {
    const TaskModel model = TaskModel::open(
        run, {.head = task.name, .precision = s.recipe.precision, .threads = s.recipe.threads});
    log_info(fmt::format("answering the {} {} rows {}with the best weights", rows.rows.size(),
                         tested ? "test" : "dev",
                         task.name.empty() ? "" : fmt::format("of {} ", task.name)));
    report = report_of(task, rows, model.answer(rows.rows), {.split = tested ? "test" : "dev"});
    if (s.recipe.small_changes) {
      log_info("answering them with small changes of their texts");
      add_small_changes(report, task, rows, [&](const std::vector<labelled::Row>& changed) {
        return model.answer(changed);
      });
    }
  } else {
    report.task = to_string(task.kind);
    report.notes.push_back(
        "There was neither a test nor a dev set: nothing is known of how good "
        "the model is.");
  }
  report.model = s.recipe.model;
  report.data.push_back({"train", part.recipe.train, part.train_rows});
  if (!part.dev.rows.empty())
    report.data.push_back({"dev", part.recipe.dev.empty() ? part.recipe.train : part.recipe.dev,
                           std::ssize(part.dev.rows)});
  if (tested) report.data.push_back({"test", part.recipe.test, std::ssize(part.test.rows)});
  if (part.cut_texts > 0)
    report.counts.emplace_back(fmt::format("training texts cut at {} tokens", task.max_tokens),
                               std::to_string(part.cut_texts));
  report.settings.push_back(shown_settings(s.recipe));
  report.dev_metric = dev_metric;
  report.curve = curve_of(run, dev_metric);
  return report;
}

// The report of the run's own task; those of further ones are written into folders of their names.
Report final_reports(const FinetuneSetup& s, const std::filesystem::path& run,
                     const train::LoopResult& loop, const std::string& dev_metric) {
  Report first;
  for (std::size_t i = 0; i < s.parts.size(); ++i) {
    const TaskPart& part = s.parts[i];
    const std::string column =
        i == 0 ? dev_metric
               : evaluation_column(i, part.description(), usual_best(part.description()));
    Report report = report_of_part(s, run, part, column);
    if (loop.best_step >= 0)
      report.notes.push_back(
          fmt::format("The weights are those of step {}, where {} on dev was "
                      "{:.4f}, the best of the run.",
                      loop.best_step, dev_metric, loop.best));
    else if (!dev_metric.empty())
      report.notes.push_back(
          fmt::format("On dev, {} was never a number, so no best weights could be chosen: they are "
                      "the last ones.",
                      dev_metric));
    if (loop.best_step >= 0 && part.test.rows.empty() && !part.dev.rows.empty())
      report.notes.push_back(
          "These figures are of dev, on which the best weights were chosen: "
          "those of a test set will be a little lower.");
    if (i == 0) {
      first = std::move(report);
      continue;
    }
    const std::filesystem::path folder = run / part.description().name;
    write_report(folder, report);
    first.notes.push_back(fmt::format("The model also learned {}: its report is {}.",
                                      part.description().name,
                                      part.description().name + "/" + kReportFile));
  }
  return first;
}

// AdaLoRA without a budget step is LoRA with too many ranks, which nobody asked for.
void require_budget_step(const FinetuneSetup& s, const train::LoopResult& result) {
  if (!s.rank_budget || s.rank_budget->budget_steps() > 0) return;
  throw Error(
      ErrorCode::invalid_argument,
      fmt::format("[finetune] the run ended at step {} of {}{}, and AdaLoRA shared out no "
                  "budget until then: every matrix has all {} ranks. Lower budget_warmup "
                  "({}) or budget_every ({}), or train longer; the checkpoint is {}",
                  s.trainer->step_count(), s.steps, result.stopped_early ? " (patience)" : "",
                  s.rank_budget->options().first_rank, s.recipe.adapt.budget.warmup,
                  s.recipe.adapt.budget.every, result.checkpoint.string()));
}

// The ranks of the published adapter.
std::string ranks_note(const FinetuneSetup& s, const std::filesystem::path& run) {
  const checkpoint::AdapterFolder folder(run, s.model.model);
  nn::AdapterSpec spec = *s.adaptation.adapter;
  for (nn::LowRankSpec& item : spec.low_rank) {
    item.rank = 0;
    for (const nn::LowRankSpec& left : folder.spec().low_rank)
      if (left.name() == item.name()) item.rank = left.rank;
  }
  return fmt::format("AdaLoRA left these ranks, of {} in each matrix at the start: {}.",
                     s.rank_budget->options().first_rank, train::ranks_text(spec));
}

}  // namespace

FinetuneResult run_finetune(FinetuneRecipe recipe, const std::filesystem::path& run,
                            train::Resume resume, Interrupt interrupt) {
  FinetuneSetup s = set_up_finetune(std::move(recipe), run, resume, interrupt);
  train::LoopPlan plan = plan_of(s, run);
  const std::string dev_metric = plan.best.metric;
  announce(s, plan.peak_flops);
  FinetuneResult result;
  static_cast<train::LoopResult&>(result) =
      train::Loop(*s.trainer, std::move(plan), run, interrupt, s.course).to_the_end();
  result.steps = s.trainer->step_count();
  result.trained_parameters = s.trainer->trained_parameters();
  result.parameters = ModelCost(s.model.model).parameters();
  if (result.signal != 0) return result;
  require_budget_step(s, result);
  s.trainer.reset();  // its memory is for the report now
  checkpoint::publish_model(result.best_step >= 0 ? result.best_checkpoint : result.checkpoint,
                            run);
  result.report = final_reports(s, run, result, dev_metric);
  if (s.rank_budget) result.report.notes.push_back(ranks_note(s, run));
  write_report(run, result.report);
  return result;
}

}  // namespace stemma::tasks
