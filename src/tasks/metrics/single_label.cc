#include "tasks/metrics/single_label.h"

#include <algorithm>
#include <cmath>
#include <set>

#include <fmt/format.h>

#include "base/error.h"

namespace stemma::tasks {
namespace {

void check_single_label(const SingleLabelAnswers& a) {
  const auto fail = [](const std::string& what) {
    throw Error(ErrorCode::invalid_argument, "[metrics] " + what);
  };
  if (a.gold.empty()) fail("figures need at least one example, got none");
  if (a.gold.size() != a.predicted.size())
    fail(fmt::format("there must be as many predicted labels as gold ones, got {} and {}",
                     a.predicted.size(), a.gold.size()));
  const int known = static_cast<int>(a.labels.size());
  for (std::size_t i = 0; i < a.gold.size(); ++i)
    if (a.gold[i] < -1 || a.gold[i] >= known || a.predicted[i] < 0 || a.predicted[i] >= known)
      fail(
          fmt::format("row {}: labels must lie between 0 and {} (gold: or -1), got gold {} and "
                      "predicted {}",
                      i, known - 1, a.gold[i], a.predicted[i]));
  const auto without = std::count(a.gold.begin(), a.gold.end(), -1);
  if (static_cast<std::size_t>(without) != a.unseen.size())
    fail(fmt::format("each gold label -1 needs its name, got {} names for {} rows", a.unseen.size(),
                     without));
  const bool whole = a.groups.empty() || (a.groups.size() > 1 && a.groups.front() == 0 &&
                                          a.groups.back() == a.gold.size());
  if (!whole || !std::is_sorted(a.groups.begin(), a.groups.end()))
    fail(fmt::format("groups must ascend from 0 to {}, the number of examples", a.gold.size()));
  std::set<std::string> names(a.labels.begin(), a.labels.end());
  if (names.size() != a.labels.size()) fail("labels must have different names");
  for (const std::string& name : a.unseen)
    if (names.contains(name)) fail(fmt::format("gold label '{}' is -1 but it is known", name));
}

// The gold label of each row among the known labels and, after them, the unseen ones by name.
struct AllLabels {
  std::vector<std::string> names;
  std::vector<std::size_t> gold;
};

AllLabels all_labels(const SingleLabelAnswers& a) {
  AllLabels all{{a.labels.begin(), a.labels.end()}, {}};
  const std::set<std::string> unseen(a.unseen.begin(), a.unseen.end());
  all.names.insert(all.names.end(), unseen.begin(), unseen.end());
  std::size_t next = 0;
  for (int gold : a.gold) {
    if (gold >= 0) {
      all.gold.push_back(static_cast<std::size_t>(gold));
      continue;
    }
    const auto place = std::distance(unseen.begin(), unseen.find(a.unseen[next++]));
    all.gold.push_back(a.labels.size() + static_cast<std::size_t>(place));
  }
  return all;
}

// Gorodkin 2004, "Comparing two K-category assignments by a K-category correlation coefficient".
double matthews(std::span<const Counts> classes) {
  double n = 0, correct = 0, both = 0, gold = 0, predicted = 0;
  for (const Counts& c : classes) {
    const double g = static_cast<double>(c.gold), p = static_cast<double>(c.predicted);
    n += g;
    correct += static_cast<double>(c.correct);
    both += g * p;
    gold += g * g;
    predicted += p * p;
  }
  const double spread = (n * n - predicted) * (n * n - gold);
  return spread == 0 ? 0 : (correct * n - both) / std::sqrt(spread);
}

// Computes the figures of the rows as often as `times` says.
class SingleLabelFigures {
 public:
  SingleLabelFigures(const SingleLabelAnswers& answers, const AllLabels& all)
      : answers_(answers), all_(all), counts_(all.names.size()) {
    if (!answers.probabilities.empty())
      rows_ = calibrate_rows(
          {answers.labels.size(), answers.probabilities, answers.gold, answers.predicted});
  }

  std::vector<std::string> names() const {
    std::vector<std::string> names = {"accuracy", "macro_f1", "micro_f1", "weighted_f1",
                                      "matthews"};
    if (!rows_.empty()) names.insert(names.end(), {"ece", "brier", "log_loss"});
    return names;
  }

  void operator()(std::span<const std::uint32_t> times, std::span<double> figures) {
    std::int64_t n = 0, correct = 0;
    std::fill(counts_.begin(), counts_.end(), Counts{});
    for (std::size_t i = 0; i < times.size(); ++i) {
      const std::size_t gold = all_.gold[i];
      const std::size_t predicted = static_cast<std::size_t>(answers_.predicted[i]);
      const std::int64_t hit = gold == predicted ? times[i] : 0;
      counts_[gold].gold += times[i];
      counts_[predicted].predicted += times[i];
      counts_[gold].correct += hit;
      correct += hit;
      n += times[i];
    }
    const Averages averages = averages_of(known());
    figures[0] = static_cast<double>(correct) / static_cast<double>(n);
    figures[1] = averages.macro.f1;
    figures[2] = averages.micro.f1;
    figures[3] = averages.weighted.f1;
    figures[4] = matthews(counts_);
    if (rows_.empty()) return;
    calibration_ = calibrate(rows_, times);
    figures[5] = calibration_->ece;
    figures[6] = calibration_->brier;
    figures[7] = calibration_->log_loss;
  }

  // Of the latest call.
  std::span<const Counts> counts() const { return counts_; }
  std::span<const Counts> known() const { return std::span(counts_).first(answers_.labels.size()); }
  const std::optional<Calibration>& calibration() const { return calibration_; }

 private:
  const SingleLabelAnswers& answers_;
  const AllLabels& all_;
  std::vector<RowCalibration> rows_;
  std::vector<Counts> counts_;
  std::optional<Calibration> calibration_;
};

std::vector<std::string> single_label_notes(const SingleLabelAnswers& a,
                                            std::span<const NamedScores> classes) {
  std::vector<std::string> notes;
  std::size_t absent = 0;
  for (std::size_t k = 0; k < a.labels.size(); ++k)
    absent += classes[k].scores.support == 0 ? 1 : 0;
  if (absent > 0)
    notes.push_back(
        fmt::format("{} of {} labels have no example here; they count with F1 0 in the "
                    "macro average.",
                    absent, a.labels.size()));
  if (!a.unseen.empty())
    notes.push_back(fmt::format(
        "{} of {} examples have one of {} labels that training never saw: they count as wrong in "
        "the accuracy, and these labels are in no average.",
        a.unseen.size(), a.gold.size(), classes.size() - a.labels.size()));
  return notes;
}

// Figures of examples that are drawn by groups.
class ByGroups {
 public:
  ByGroups(std::span<const std::size_t> groups, SingleLabelFigures& compute)
      : groups_(groups), compute_(compute), times_(groups.back()) {}

  void operator()(std::span<const std::uint32_t> times, std::span<double> figures) {
    for (std::size_t g = 0; g < times.size(); ++g)
      std::fill(times_.begin() + static_cast<std::ptrdiff_t>(groups_[g]),
                times_.begin() + static_cast<std::ptrdiff_t>(groups_[g + 1]), times[g]);
    compute_(times_, figures);
  }

 private:
  std::span<const std::size_t> groups_;
  SingleLabelFigures& compute_;
  std::vector<std::uint32_t> times_;  // of each example
};

std::vector<Figure> single_label_figures(const SingleLabelAnswers& a, SingleLabelFigures& compute,
                                         const BootstrapSettings& settings) {
  if (a.groups.empty())
    return figures_with_intervals(a.gold.size(), compute.names(), settings, std::ref(compute));
  ByGroups by_groups(a.groups, compute);
  return figures_with_intervals(a.groups.size() - 1, compute.names(), settings,
                                std::ref(by_groups));
}

}  // namespace

SingleLabelResult evaluate_single_label(const SingleLabelAnswers& answers,
                                        const BootstrapSettings& settings) {
  check_single_label(answers);
  const AllLabels all = all_labels(answers);
  SingleLabelFigures compute(answers, all);
  SingleLabelResult result;
  result.figures = single_label_figures(answers, compute, settings);
  result.averages = averages_of(compute.known());
  for (std::size_t k = 0; k < all.names.size(); ++k)
    result.classes.push_back({all.names[k], scores_of(compute.counts()[k])});
  result.calibration = compute.calibration();
  result.confusion = {all.names, std::vector<std::int64_t>(all.names.size() * all.names.size())};
  for (std::size_t i = 0; i < all.gold.size(); ++i)
    ++result.confusion
          .counts[all.gold[i] * all.names.size() + static_cast<std::size_t>(answers.predicted[i])];
  result.notes = single_label_notes(answers, result.classes);
  return result;
}

}  // namespace stemma::tasks
