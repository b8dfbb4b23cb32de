#include "tasks/task_objective.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include <fmt/format.h>

#include "tasks/head_pass.h"

namespace stemma::tasks {
namespace {

double share(std::int64_t count) {
  return 1.0 / static_cast<double>(std::max<std::int64_t>(count, 1));
}

}  // namespace

std::string evaluation_column(std::size_t place, const TaskDescription& task,
                              std::string_view figure) {
  if (place == 0) return std::string(figure);
  return fmt::format("val_{}_{}", task.name, figure.substr(std::string_view("val_").size()));
}

TaskObjective::TaskObjective(std::vector<LearntTask> tasks,
                             std::shared_ptr<const TaskBatches> batches, const Options& options)
    : tasks_(std::move(tasks)), batches_(std::move(batches)), options_(options) {
  for (std::size_t i = 0; i < tasks_.size(); ++i) {
    const TaskDescription& task = tasks_[i].task->description();
    if (tasks_.size() > 1)
      loss_columns_.push_back(task.name + "_loss");
    else
      loss_columns_.emplace_back(options.language_model > 0 ? "task_loss" : "");
    if (tasks_[i].held_out.rows.empty()) continue;
    for (const std::string_view figure : figure_columns(task))
      evaluation_columns_.push_back(evaluation_column(i, task, figure));
  }
  if (tasks_.size() > 1 && !evaluation_columns_.empty())
    evaluation_columns_.emplace_back(kMeanColumn);
}

std::vector<train::Loss> TaskObjective::losses(const train::States& s,
                                               const train::Counts& step) const {
  std::int64_t examples = 0;
  for (const train::HeadCounts& counts : step.heads) examples += counts.examples;
  std::vector<train::Loss> losses;
  for (std::size_t i = 0; i < tasks_.size(); ++i) {
    const LearntTask& learnt = tasks_[i];
    train::Loss loss{loss_columns_[i], {}, learnt.weight};
    if (s.batch.heads[i].rows > 0) {
      const double of_step = static_cast<double>(step.heads[i].examples) * share(examples);
      loss.root = head_loss(s, *learnt.task, head_scores(s, head_of(s.model, i), i),
                            learnt.weight * of_step * share(step.heads[i].answers), i);
    }
    losses.push_back(std::move(loss));
  }
  if (options_.language_model == 0) return losses;
  const double lambda = options_.language_model;
  losses.push_back({"lm_loss",
                    s.model.head().loss(s.ctx, s.h, s.batch.targets, lambda * share(step.targets)),
                    lambda});
  return losses;
}

std::vector<std::string_view> TaskObjective::evaluation_columns() const {
  return {evaluation_columns_.begin(), evaluation_columns_.end()};
}

std::vector<train::Metric> TaskObjective::evaluate(const train::Inference& inference) const {
  std::vector<train::Metric> metrics;
  double sum = 0;
  std::int64_t count = 0;
  for (std::size_t i = 0; i < tasks_.size(); ++i) {
    const auto& [task, held_out, weight] = tasks_[i];
    if (held_out.rows.empty()) continue;
    const Answers answers = answer_all(inference, *task, held_out.examples, held_out.rows, i);
    for (train::Metric& metric : quick_figures(task->description(), held_out.rows, answers)) {
      metrics.push_back({evaluation_column(i, task->description(), metric.name), metric.value});
      if (metric.name != usual_best(task->description())) continue;
      // A correlation with a constant is no number: the others decide.
      sum += std::isnan(metric.value) ? 0 : metric.value;
      ++count;
    }
  }
  if (tasks_.size() > 1 && count > 0) metrics.push_back({kMeanColumn, sum * share(count)});
  return metrics;
}

}  // namespace stemma::tasks
