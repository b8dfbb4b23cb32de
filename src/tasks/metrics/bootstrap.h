// How far a figure would move on other examples of the same kind: percentile intervals of the
// bootstrap (Efron and Tibshirani 1993, "An Introduction to the Bootstrap", section 13.3). Each
// resample draws as many examples as there are, with replacement; what is drawn (an example, or a
// sentence with all its entities) is what is independent.
//
//   const auto intervals = bootstrap(hits.size(), 1, {}, [&](auto times, auto figures) {
//     for (std::size_t i = 0; i < times.size(); ++i) figures[0] += times[i] * hits[i];
//   });
//
// Draw j of resample r is word j mod 4 of philox(philox_key(seed), {j / 4, r, 0x626f6f74, 0}),
// multiplied by the number of examples and cut to its upper 32 bits (no example is likelier than
// another by more than examples / 2^32).
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "tasks/metrics/scores.h"

namespace stemma::tasks {

struct BootstrapSettings {
  int resamples = 1000;  // 0: no intervals
  std::uint64_t seed = 0;
};

// times [examples]: how often each example was drawn. Writes the figures, which come as 0.
using ResampledFigures =
    std::function<void(std::span<const std::uint32_t> times, std::span<double> figures)>;

// The interval of each of `figures` figures: percentiles 2.5 and 97.5, with linear interpolation as
// numpy.percentile, and the standard deviation (n - 1) over the resamples. Resamples in which a
// figure is NaN are left out of its interval. Empty when no resamples are asked for. Throws
// invalid_argument for no example, more than 2^32 - 1, or a negative number of resamples.
std::vector<Interval> bootstrap(std::size_t examples, std::size_t figures,
                                const BootstrapSettings& settings, const ResampledFigures& compute);

// The figures that `compute` gives when every example is taken once, with their intervals.
std::vector<Figure> figures_with_intervals(std::size_t examples, std::span<const std::string> names,
                                           const BootstrapSettings& settings,
                                           const ResampledFigures& compute);

}  // namespace stemma::tasks
