#include "tasks/task_report.h"

#include <fmt/format.h>

#include "tasks/metrics/choice.h"
#include "tasks/metrics/mistakes.h"
#include "tasks/metrics/regression.h"
#include "tasks/report/fill.h"
#include "tasks/report/show.h"
#include "tasks/report/summary.h"
#include "tasks/small_changes.h"

namespace stemma::tasks {
namespace {

// What a person sees of a row in the list of mistakes.
class ShownRows {
 public:
  ShownRows(const TaskDescription& task, const TaskRows& rows)
      : rows_(rows), places_(labelled_rows(task, rows.rows)) {}

  // `at`: among the rows with labels.
  Example operator()(std::size_t at) const {
    const std::size_t row = places_[at];
    const labelled::Row& r = rows_.rows[row];
    Example shown{r.text, rows_.place(row), {}};
    if (!r.second.empty()) shown.text += " | " + r.second;
    for (const std::string& choice : r.choices) shown.text += " | " + choice;
    for (const labelled::ByteRange& word : r.words)
      shown.words.push_back(r.text.substr(static_cast<std::size_t>(word.begin),
                                          static_cast<std::size_t>(word.end - word.begin)));
    return shown;
  }

 private:
  const TaskRows& rows_;
  std::vector<std::size_t> places_;
};

// Of tags without entities, a mistake is a word.
Example word_in_row(const TaskDescription& task, const TaskRows& rows, std::size_t word) {
  for (const std::size_t row : labelled_rows(task, rows.rows)) {
    const labelled::Row& r = rows.rows[row];
    if (word < r.words.size()) {
      const labelled::ByteRange& range = r.words[word];
      const std::string shown = r.text.substr(static_cast<std::size_t>(range.begin),
                                              static_cast<std::size_t>(range.end - range.begin));
      return {shown + " in: " + r.text, rows.place(row), {}};
    }
    word -= r.words.size();
  }
  return {};
}

}  // namespace

Report report_of(const TaskDescription& task, const TaskRows& rows, const Answers& answers,
                 const ReportOptions& options) {
  Report report;
  report.task = to_string(task.kind);
  report.split = options.split;
  const BootstrapSettings bootstrap{.resamples = options.resamples, .seed = options.seed};
  const ShownRows shown(task, rows);
  if (task.problem == kRegression) {
    const NumberColumns c = number_columns(rows.rows, answers);
    add_figures(report, evaluate_regression(c.gold, c.predicted, bootstrap));
    report.worst = worst_mistakes(c.gold, c.predicted, options.worst, shown);
  } else if (task.problem == kChoice) {
    const ChoiceColumns c = choice_columns(rows.rows, answers);
    add_figures(report, evaluate_choice(c.gold, c.predicted, bootstrap));
    report.worst = worst_choices(c.gold, c.predicted, c.confidence, options.worst, shown);
  } else if (task.problem == kMultiLabel) {
    const MultiLabelColumns c = multi_label_columns(task, rows.rows, answers);
    add_figures(report, evaluate_multi_label(c.answers(task), bootstrap));
    report.worst = worst_mistakes(c.answers(task), c.probabilities, options.worst, shown);
  } else if (has_entities(task)) {
    const std::vector<TaggedSentence> sentences = tagged_sentences(rows.rows, answers);
    add_figures(report, evaluate_entities(sentences, bootstrap));
    report.worst = worst_mistakes(sentences, options.worst, shown);
  } else {
    const bool words = task.kind == TaskKind::tokens;
    const SingleLabelColumns c = words ? word_columns(task, rows.rows, answers)
                                       : single_label_columns(task, rows.rows, answers);
    add_figures(report, evaluate_single_label(c.answers(task), bootstrap));
    const ExampleOfRow example = [&](std::size_t at) {
      return words ? word_in_row(task, rows, at) : shown(at);
    };
    report.worst = worst_mistakes(c.answers(task), options.worst, example);
  }
  return report;
}

void add_small_changes(Report& report, const TaskDescription& task, const TaskRows& rows,
                       const AnswerRows& answer) {
  constexpr std::uint64_t kSeed = 0;  // another one would make figures of two models incomparable
  const std::string main(usual_best(task).substr(std::string_view("val_").size()));
  const auto figures_of = [&](const TaskRows& asked, const Answers& answers) {
    return report_of(task, asked, answers, {.worst = 0, .resamples = 0}).figures;
  };
  // What SmallChange::all gives is for each row what its kind gives.
  TaskRows mixed = rows;
  Answers of_mixed;
  of_mixed.predictions.resize(rows.rows.size());
  std::string by_kind;
  for (const SmallChange kind : kSmallChanges) {
    TaskRows other{rows.path, {}};
    for (std::size_t i = 0; i < rows.rows.size(); ++i)
      other.rows.push_back(changed(rows.rows[i], kind, kSeed, i));
    Answers answers = answer(other.rows);
    by_kind += fmt::format("{}{} {}", by_kind.empty() ? "" : ", ", to_string(kind),
                           show::number(find_figure(figures_of(other, answers), main).value));
    for (std::size_t i = 0; i < rows.rows.size(); ++i) {
      if (drawn_change(kSeed, i) != kind) continue;
      mixed.rows[i] = std::move(other.rows[i]);
      of_mixed.predictions[i] = std::move(answers.predictions[i]);
    }
  }
  report.changed = figures_of(mixed, of_mixed);
  report.notes.push_back(
      fmt::format("Small changes are typos, other casing and other spacing, one kind in each row; "
                  "the {} with one kind in all rows: {}.",
                  title_of(main), by_kind));
}

}  // namespace stemma::tasks
