#include "tasks/metrics/multi_label.h"

#include <algorithm>
#include <map>
#include <set>

#include <fmt/format.h>

#include "base/error.h"
#include "tasks/metrics/sum.h"

namespace stemma::tasks {
namespace {

void check_multi_label(const MultiLabelAnswers& a) {
  const auto fail = [](const std::string& what) {
    throw Error(ErrorCode::invalid_argument, "[metrics] " + what);
  };
  const std::size_t k = a.labels.size();
  if (k == 0 || a.gold.empty()) fail("figures need at least one example and one label, got none");
  if (a.gold.size() != a.predicted.size() || a.gold.size() % k != 0)
    fail(fmt::format("gold and predicted must be rows of {} labels, got {} and {} values", k,
                     a.gold.size(), a.predicted.size()));
  const std::set<std::string> names(a.labels.begin(), a.labels.end());
  if (names.size() != k) fail("labels must have different names");
  for (const UnseenLabel& label : a.unseen)
    if (label.row >= a.gold.size() / k || names.contains(label.name))
      fail(fmt::format("unseen label '{}' of row {} must be unknown and its row below {}",
                       label.name, label.row, a.gold.size() / k));
}

// Computes the figures of the rows as often as `times` says.
class MultiLabelFigures {
 public:
  explicit MultiLabelFigures(const MultiLabelAnswers& a)
      : counts_(a.labels.size()), rows_(a.gold.size() / a.labels.size()) {
    for (std::size_t i = 0; i < rows_.size(); ++i) {
      Counts row;
      const std::size_t first = marks_.size();
      for (std::size_t k = 0; k < a.labels.size(); ++k) {
        const std::size_t at = i * a.labels.size() + k;
        const bool gold = a.gold[at] != 0, predicted = a.predicted[at] != 0;
        if (!gold && !predicted) continue;
        marks_.push_back({k, {gold && predicted ? 1 : 0, predicted ? 1 : 0, gold ? 1 : 0}});
        add(row, marks_.back().counts, 1);
      }
      const bool right = row.correct == row.gold && row.correct == row.predicted;
      rows_[i] = {scores_of(row), right, first, marks_.size()};
    }
    for (const UnseenLabel& label : a.unseen) rows_[label.row].right = false;
  }

  void operator()(std::span<const std::uint32_t> times, std::span<double> figures) {
    std::fill(counts_.begin(), counts_.end(), Counts{});
    std::int64_t right = 0;
    Sum precision, recall, f1;
    for (std::size_t i = 0; i < times.size(); ++i) {
      if (times[i] == 0) continue;
      const double weight = static_cast<double>(times[i]);
      for (std::size_t m = rows_[i].first_mark; m < rows_[i].end_mark; ++m)
        add(counts_[marks_[m].label], marks_[m].counts, times[i]);
      right += rows_[i].right ? times[i] : 0;
      precision.add(weight * rows_[i].scores.precision);
      recall.add(weight * rows_[i].scores.recall);
      f1.add(weight * rows_[i].scores.f1);
    }
    const double n = static_cast<double>(times.size());
    averages_ = averages_of(counts_);
    samples_ = {precision.value() / n, recall.value() / n, f1.value() / n, averages_.micro.support};
    figures[0] = static_cast<double>(right) / n;
    figures[1] = averages_.macro.f1;
    figures[2] = averages_.micro.f1;
    figures[3] = averages_.weighted.f1;
    figures[4] = samples_.f1;
  }

  std::size_t size() const { return rows_.size(); }
  // Of the latest call.
  const std::vector<Counts>& counts() const { return counts_; }
  const Averages& averages() const { return averages_; }
  const Scores& samples() const { return samples_; }

 private:
  struct Row {
    Scores scores;
    bool right = false;
    std::size_t first_mark = 0, end_mark = 0;
  };
  // A label that a row has or was given; most of [N, K] is neither.
  struct Mark {
    std::size_t label;
    Counts counts;
  };
  static void add(Counts& to, const Counts& counts, std::int64_t times) {
    to.correct += times * counts.correct;
    to.predicted += times * counts.predicted;
    to.gold += times * counts.gold;
  }

  std::vector<Counts> counts_;
  std::vector<Mark> marks_;
  std::vector<Row> rows_;
  Averages averages_;
  Scores samples_;
};

}  // namespace

MultiLabelResult evaluate_multi_label(const MultiLabelAnswers& answers,
                                      const BootstrapSettings& settings) {
  check_multi_label(answers);
  MultiLabelFigures compute(answers);
  const std::vector<std::string> names = {"accuracy", "macro_f1", "micro_f1", "weighted_f1",
                                          "samples_f1"};
  MultiLabelResult result;
  result.figures = figures_with_intervals(compute.size(), names, settings, std::ref(compute));
  result.averages = compute.averages();
  result.samples = compute.samples();
  std::size_t absent = 0;
  for (std::size_t k = 0; k < answers.labels.size(); ++k) {
    result.classes.push_back({answers.labels[k], scores_of(compute.counts()[k])});
    absent += compute.counts()[k].gold == 0 ? 1 : 0;
  }
  std::map<std::string, std::set<std::size_t>> unseen;
  for (const UnseenLabel& label : answers.unseen) unseen[label.name].insert(label.row);
  for (const auto& [name, rows] : unseen)
    result.classes.push_back({name, {0, 0, 0, static_cast<std::int64_t>(rows.size())}});
  result.notes.push_back(
      "The accuracy is that of whole sets of labels: an example is right when all of its labels "
      "are.");
  if (absent > 0)
    result.notes.push_back(fmt::format(
        "{} of {} labels have no example here; they count with F1 0 in the macro average.", absent,
        answers.labels.size()));
  if (!unseen.empty())
    result.notes.push_back(fmt::format(
        "{} labels were never seen in training: examples with one count as wrong in the accuracy, "
        "and these labels are in no average.",
        unseen.size()));
  return result;
}

}  // namespace stemma::tasks
