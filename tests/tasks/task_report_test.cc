// The figures under small changes, of a model that knows its texts by heart.
#include "tasks/task_report.h"

#include <set>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "tasks/report/summary.h"
#include "tasks/small_changes.h"
#include "tests/tasks/support.h"

namespace stemma::tasks {
namespace {

TEST(TaskReport, SmallChangesStandBesideTheCleanFigures) {
  TaskDescription task;
  task.labels = {"no", "yes"};
  TaskRows rows{"test.tsv", {}};
  std::set<std::string> known;
  for (int i = 0; i < 300; ++i) {
    labelled::Row row;
    row.text = fmt::format("Question number {} wants remarkable knowledge.", i);
    row.labels = {task.labels[i % 2]};
    known.insert(row.text);
    rows.rows.push_back(std::move(row));
  }
  int asked = 0;
  // Right on what it knows, wrong on everything else.
  const AnswerRows answer = [&](const std::vector<labelled::Row>& these) {
    ++asked;
    Answers answers;
    for (const labelled::Row& row : these) {
      const std::int64_t gold = task.label_index(row.labels.front());
      Prediction p;
      p.label = known.contains(row.text) ? gold : 1 - gold;
      p.probabilities = {p.label == 0 ? 0.9 : 0.1, p.label == 0 ? 0.1 : 0.9};
      answers.predictions.push_back(std::move(p));
    }
    return answers;
  };
  Report report = report_of(task, rows, answer(rows.rows), {});
  asked = 0;
  add_small_changes(report, task, rows, answer);
  EXPECT_EQ(asked, 3);
  const auto share_known = [&](SmallChange kind) {
    double hits = 0;
    for (std::size_t i = 0; i < rows.rows.size(); ++i)
      hits += known.contains(changed(rows.rows[i], kind, 0, i).text);
    return hits / 300;
  };
  EXPECT_EQ(figure_named(report.figures, "accuracy")->value, 1);
  ASSERT_EQ(report.changed.size(), report.figures.size());
  for (std::size_t i = 0; i < report.changed.size(); ++i) {
    EXPECT_EQ(report.changed[i].name, report.figures[i].name);
    EXPECT_FALSE(report.changed[i].interval.has_value());
  }
  EXPECT_NEAR(figure_named(report.changed, "accuracy")->value, share_known(SmallChange::all),
              1e-12);
  ASSERT_FALSE(report.notes.empty());
  for (const SmallChange kind : kSmallChanges) {
    const std::string part = fmt::format("{} {:.4f}", to_string(kind), share_known(kind));
    EXPECT_NE(report.notes.back().find(part), std::string::npos) << report.notes.back();
  }
}

TEST(WordColumns, KeepTheWordsOfASentenceTogether) {
  const TaskDescription task = described(TaskKind::tokens, {"N", "V"});
  const std::vector<labelled::Row> rows = {word_row("a b", {"N", "V"}), word_row("c d e"),
                                           word_row("f", {"V"})};
  Answers answers;
  for (const labelled::Row& row : rows) {
    answers.predictions.emplace_back();
    answers.predictions.back().tags.assign(row.words.size(), "N");
  }
  const SingleLabelColumns c = word_columns(task, rows, answers);
  EXPECT_EQ(c.gold, (std::vector<int>{0, 1, 1}));
  EXPECT_EQ(c.predicted, (std::vector<int>{0, 0, 0}));
  EXPECT_EQ(c.groups, (std::vector<std::size_t>{0, 2, 3}));
}

}  // namespace
}  // namespace stemma::tasks
