#include "train/schedule.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include <fmt/format.h>

#include "base/error.h"

namespace stemma::train {

double Schedule::at(std::int64_t step) const {
  if (step <= warmup) return peak * static_cast<double>(step) / static_cast<double>(warmup);
  const auto rest = static_cast<double>(std::max<std::int64_t>(steps - warmup, 1));
  const double done = std::min(1.0, static_cast<double>(step - warmup) / rest);
  if (shape == Shape::constant) return peak;
  if (shape == Shape::linear) return minimum + (peak - minimum) * (1 - done);
  return minimum + (peak - minimum) * 0.5 * (1 + std::cos(std::numbers::pi * done));
}

Schedule::Shape schedule_named(std::string_view name) {
  if (name == "cosine") return Schedule::Shape::cosine;
  if (name == "linear") return Schedule::Shape::linear;
  if (name == "constant") return Schedule::Shape::constant;
  throw Error(ErrorCode::invalid_argument,
              fmt::format("[schedule] must be cosine, linear or constant, got '{}'", name));
}

}  // namespace stemma::train
