// Quantiles of measured values.
//
//   std::sort(seconds.begin(), seconds.end());
//   const double p95 = quantile(seconds, 0.95);
#pragma once

#include <algorithm>
#include <cstddef>
#include <span>

namespace stemma {

// With linear interpolation between neighbours, as numpy.percentile. sorted: ascending, at least
// one value; share in 0..1, 0.5 the median.
inline double quantile(std::span<const double> sorted, double share) {
  const double place = share * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<std::size_t>(place);
  const std::size_t above = std::min(below + 1, sorted.size() - 1);
  return sorted[below] + (place - static_cast<double>(below)) * (sorted[above] - sorted[below]);
}

}  // namespace stemma
