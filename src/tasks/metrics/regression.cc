#include "tasks/metrics/regression.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include <fmt/format.h>

#include "base/error.h"
#include "tasks/metrics/sum.h"

namespace stemma::tasks {
namespace {

void check_regression(std::span<const double> gold, std::span<const double> predicted) {
  if (gold.size() != predicted.size())
    throw Error(ErrorCode::invalid_argument,
                fmt::format("[metrics] there must be as many predicted values as gold ones, got {} "
                            "and {}",
                            predicted.size(), gold.size()));
  for (std::size_t i = 0; i < gold.size(); ++i)
    if (!std::isfinite(gold[i]) || !std::isfinite(predicted[i]))
      throw Error(
          ErrorCode::invalid_argument,
          fmt::format("[metrics] row {}: values must be finite, got gold {} and predicted {}", i,
                      gold[i], predicted[i]));
}

// NaN where one side has one value only.
double correlation(std::span<const double> x, std::span<const double> y,
                   std::span<const std::uint32_t> times) {
  Sum sum_x, sum_y;
  double n = 0;
  bool x_differs = false, y_differs = false;
  std::size_t first = x.size();
  for (std::size_t i = 0; i < x.size(); ++i) {
    if (times[i] == 0) continue;
    if (first == x.size()) first = i;
    x_differs |= x[i] != x[first];
    y_differs |= y[i] != y[first];
    const double weight = static_cast<double>(times[i]);
    n += weight;
    sum_x.add(weight * x[i]);
    sum_y.add(weight * y[i]);
  }
  if (!x_differs || !y_differs) return std::numeric_limits<double>::quiet_NaN();
  const double mean_x = sum_x.value() / n, mean_y = sum_y.value() / n;
  Sum both, only_x, only_y;
  for (std::size_t i = 0; i < x.size(); ++i) {
    if (times[i] == 0) continue;
    const double weight = static_cast<double>(times[i]);
    const double dx = x[i] - mean_x, dy = y[i] - mean_y;
    both.add(weight * dx * dy);
    only_x.add(weight * dx * dx);
    only_y.add(weight * dy * dy);
  }
  const double r = both.value() / (std::sqrt(only_x.value()) * std::sqrt(only_y.value()));
  return std::isnan(r) ? r : std::clamp(r, -1.0, 1.0);
}

// Ranks of values that are sorted once, however often each is drawn.
class Ranks {
 public:
  explicit Ranks(std::span<const double> values) : values_(values), order_(values.size()) {
    std::iota(order_.begin(), order_.end(), std::size_t{0});
    std::stable_sort(order_.begin(), order_.end(),
                     [&](std::size_t a, std::size_t b) { return values[a] < values[b]; });
  }
  // ranks [N]: the mean rank of each value among those drawn, from 1.
  void write(std::span<const std::uint32_t> times, std::span<double> ranks) const {
    double before = 0;
    for (std::size_t begin = 0, end = 0; begin < order_.size(); begin = end) {
      double equal = 0;
      for (; end < order_.size() && values_[order_[end]] == values_[order_[begin]]; ++end)
        equal += static_cast<double>(times[order_[end]]);
      for (std::size_t i = begin; i < end; ++i) ranks[order_[i]] = before + (equal + 1) / 2;
      before += equal;
    }
  }

 private:
  std::span<const double> values_;
  std::vector<std::size_t> order_;
};

}  // namespace

RegressionResult evaluate_regression(std::span<const double> gold,
                                     std::span<const double> predicted,
                                     const BootstrapSettings& settings) {
  check_regression(gold, predicted);
  const Ranks gold_ranks(gold), predicted_ranks(predicted);
  std::vector<double> a(gold.size()), b(gold.size());
  const std::vector<std::string> names = {"pearson", "spearman", "mse", "mae"};
  RegressionResult result;
  result.figures =
      figures_with_intervals(gold.size(), names, settings, [&](auto times, auto figures) {
        gold_ranks.write(times, a);
        predicted_ranks.write(times, b);
        figures[0] = correlation(gold, predicted, times);
        figures[1] = correlation(a, b, times);
        Sum squares, absolute;
        for (std::size_t i = 0; i < times.size(); ++i) {
          const double off = predicted[i] - gold[i], weight = static_cast<double>(times[i]);
          squares.add(weight * off * off);
          absolute.add(weight * std::abs(off));
        }
        figures[2] = squares.value() / static_cast<double>(times.size());
        figures[3] = absolute.value() / static_cast<double>(times.size());
      });
  const auto constant = [](std::span<const double> values) {
    return std::all_of(values.begin(), values.end(), [&](double v) { return v == values[0]; });
  };
  for (const auto& [values, which] : {std::pair{gold, "gold"}, std::pair{predicted, "predicted"}})
    if (constant(values))
      result.notes.push_back(
          fmt::format("All {} values are {}: a correlation has no value.", which, values[0]));
  return result;
}

}  // namespace stemma::tasks
