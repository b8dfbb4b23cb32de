#include "tasks/task_objective.h"

#include <algorithm>

#include "tasks/head_pass.h"

namespace stemma::tasks {
namespace {

double share(std::int64_t count) {
  return 1.0 / static_cast<double>(std::max<std::int64_t>(count, 1));
}

}  // namespace

std::vector<train::Loss> TaskObjective::losses(const train::States& s,
                                               const train::Counts& step) const {
  const Tensor task_loss =
      head_loss(s, *task_, head_scores(s, head_of(s.model)), share(step.labels));
  if (options_.language_model == 0) return {{{}, task_loss}};
  const double lambda = options_.language_model;
  const Tensor text_loss =
      s.model.head().loss(s.ctx, s.h, s.batch.targets, lambda * share(step.targets));
  return {{"task_loss", task_loss}, {"lm_loss", text_loss, lambda}};
}

std::vector<std::string_view> TaskObjective::evaluation_columns() const {
  if (held_out_.rows.empty()) return {};
  return figure_columns(task_->description());
}

std::vector<train::Metric> TaskObjective::evaluate(const train::Inference& inference) const {
  if (held_out_.rows.empty()) return {};
  const Answers answers = answer_all(inference, *task_, held_out_.examples, held_out_.rows);
  return quick_figures(task_->description(), held_out_.rows, answers);
}

}  // namespace stemma::tasks
