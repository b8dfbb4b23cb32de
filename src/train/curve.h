// Draws the loss curve of a run as an SVG picture, for a reader who has no plotting program.
//
//   const std::string svg = loss_curve_svg(losses, evaluations);
#pragma once

#include <cstdint>
#include <span>
#include <string>

namespace stemma::train {

// One point of a curve.
struct CurvePoint {
  std::int64_t step = 0;
  double value = 0;
};

// Training loss (each step thin, its running mean thick) and evaluations (dots) over steps, with
// axes and a legend; at most a few hundred points a line. `training` must not be empty.
std::string loss_curve_svg(std::span<const CurvePoint> training,
                           std::span<const CurvePoint> evaluations);

}  // namespace stemma::train
