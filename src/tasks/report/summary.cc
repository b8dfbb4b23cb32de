#include "tasks/report/summary.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include <fmt/format.h>

#include "tasks/metrics/sum.h"
#include "tasks/report/show.h"

namespace stemma::tasks {

std::string title_of(std::string_view figure) {
  static constexpr std::pair<std::string_view, std::string_view> kTitles[] = {
      {"accuracy", "accuracy"},
      {"macro_f1", "macro F1"},
      {"micro_f1", "micro F1"},
      {"weighted_f1", "weighted F1"},
      {"samples_f1", "samples F1"},
      {"entity_f1", "entity F1"},
      {"matthews", "Matthews correlation"},
      {"pearson", "Pearson correlation"},
      {"spearman", "Spearman correlation"},
      {"mse", "mean squared error"},
      {"mae", "mean absolute error"},
      {"ece", "calibration error (ECE)"},
      {"brier", "Brier score"},
      {"log_loss", "log loss (nats)"},
  };
  for (const auto& [name, title] : kTitles)
    if (name == figure) return std::string(title);
  if (figure.ends_with(kUnderSmallChanges)) {
    figure.remove_suffix(kUnderSmallChanges.size());
    return title_of(figure) + " under small changes";
  }
  std::string title = show::cut(figure, 60);
  std::replace(title.begin(), title.end(), '_', ' ');
  return title;
}

const Figure* figure_named(const std::vector<Figure>& figures, std::string_view name) {
  for (const Figure& figure : figures)
    if (figure.name == name) return &figure;
  return nullptr;
}

bool is_of_calibration(std::string_view figure) {
  return figure == "ece" || figure == "brier" || figure == "log_loss";
}

std::vector<Confusion> frequent_confusions(const ConfusionMatrix& matrix, std::size_t most) {
  std::vector<Confusion> all;
  for (std::size_t g = 0; g < matrix.labels.size(); ++g)
    for (std::size_t p = 0; p < matrix.labels.size(); ++p)
      if (g != p && matrix.at(g, p) > 0) all.push_back({g, p, matrix.at(g, p)});
  std::stable_sort(all.begin(), all.end(),
                   [](const Confusion& a, const Confusion& b) { return a.count > b.count; });
  all.resize(std::min(all.size(), most));
  return all;
}

std::vector<std::size_t> classes_with_most_errors(const ConfusionMatrix& matrix, std::size_t most) {
  const std::size_t k = matrix.labels.size();
  std::vector<std::int64_t> errors(k);
  for (std::size_t g = 0; g < k; ++g)
    for (std::size_t p = 0; p < k; ++p)
      if (g != p) errors[g] += matrix.at(g, p), errors[p] += matrix.at(g, p);
  std::vector<std::size_t> classes(k);
  std::iota(classes.begin(), classes.end(), std::size_t{0});
  if (k <= most) return classes;
  std::stable_sort(classes.begin(), classes.end(),
                   [&](std::size_t a, std::size_t b) { return errors[a] > errors[b]; });
  classes.resize(most);
  std::sort(classes.begin(), classes.end());
  return classes;
}

MeanAndDeviation mean_and_deviation(const std::vector<double>& values) {
  constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
  if (values.empty()) return {kNone, kNone};
  Sum sum, squares;
  for (double value : values) sum.add(value);
  const double count = static_cast<double>(values.size()), mean = sum.value() / count;
  for (double value : values) squares.add((value - mean) * (value - mean));
  return {mean, count < 2 ? 0 : std::sqrt(squares.value() / (count - 1))};
}

std::string with_interval(const Figure& figure) {
  const std::string value = show::number(figure.value);
  if (!figure.interval || std::isnan(figure.interval->low)) return value;
  return fmt::format("{} [{}, {}]", value, show::number(figure.interval->low),
                     show::number(figure.interval->high));
}

}  // namespace stemma::tasks
