#include "tasks/metrics/bootstrap.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include <fmt/format.h>

#include "base/error.h"
#include "base/philox.h"
#include "base/quantile.h"
#include "tasks/metrics/sum.h"

namespace stemma::tasks {
namespace {

constexpr std::uint32_t kBootstrapSite = 0x626f6f74;

void draw_resample(std::uint64_t seed, std::uint32_t resample, std::span<std::uint32_t> times) {
  std::fill(times.begin(), times.end(), 0u);
  const PhiloxKey key = philox_key(seed);
  const std::size_t n = times.size();
  for (std::size_t drawn = 0; drawn < n; drawn += 4) {
    const auto words =
        philox(key, {static_cast<std::uint32_t>(drawn / 4), resample, kBootstrapSite, 0});
    for (std::size_t j = 0; j < std::min<std::size_t>(4, n - drawn); ++j)
      ++times[static_cast<std::size_t>((static_cast<std::uint64_t>(words[j]) * n) >> 32)];
  }
}

Interval interval_of(std::vector<double> values) {
  std::erase_if(values, [](double value) { return std::isnan(value); });
  constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
  if (values.empty()) return {kNone, kNone, kNone};
  std::sort(values.begin(), values.end());
  const double count = static_cast<double>(values.size());
  Sum sum, squares;
  for (double value : values) sum.add(value);
  const double mean = sum.value() / count;
  for (double value : values) squares.add((value - mean) * (value - mean));
  const double error = count < 2 ? 0 : std::sqrt(squares.value() / (count - 1));
  return {quantile(values, 0.025), quantile(values, 0.975), error};
}

}  // namespace

std::vector<Interval> bootstrap(std::size_t examples, std::size_t figures,
                                const BootstrapSettings& settings,
                                const ResampledFigures& compute) {
  if (examples == 0 || examples > std::numeric_limits<std::uint32_t>::max())
    throw Error(ErrorCode::invalid_argument,
                fmt::format("[metrics] figures need 1 to 2^32 - 1 examples, got {}", examples));
  if (settings.resamples < 0)
    throw Error(ErrorCode::invalid_argument,
                fmt::format("[metrics] resamples must be 0 or more, got {}", settings.resamples));
  if (settings.resamples == 0) return {};
  const std::size_t resamples = static_cast<std::size_t>(settings.resamples);
  std::vector<std::vector<double>> values(figures, std::vector<double>(resamples));
  std::vector<std::uint32_t> times(examples);
  std::vector<double> present(figures);
  for (std::size_t r = 0; r < resamples; ++r) {
    draw_resample(settings.seed, static_cast<std::uint32_t>(r), times);
    std::fill(present.begin(), present.end(), 0.0);
    compute(times, present);
    for (std::size_t f = 0; f < figures; ++f) values[f][r] = present[f];
  }
  std::vector<Interval> intervals;
  for (std::vector<double>& of_figure : values)
    intervals.push_back(interval_of(std::move(of_figure)));
  return intervals;
}

std::vector<Figure> figures_with_intervals(std::size_t examples, std::span<const std::string> names,
                                           const BootstrapSettings& settings,
                                           const ResampledFigures& compute) {
  const std::vector<Interval> intervals = bootstrap(examples, names.size(), settings, compute);
  const std::vector<std::uint32_t> once(examples, 1u);
  std::vector<double> values(names.size(), 0.0);
  compute(once, values);
  std::vector<Figure> figures;
  for (std::size_t f = 0; f < names.size(); ++f) {
    figures.push_back({names[f], values[f], {}});
    if (!intervals.empty()) figures.back().interval = intervals[f];
  }
  return figures;
}

}  // namespace stemma::tasks
