// The pictures of a report as SVG elements to stand in its HTML page. Colours are the page's
// classes and variables (style.h), so that they follow light and dark.
#pragma once

#include <span>
#include <string>

#include "tasks/report/report.h"

namespace stemma::tasks {

constexpr std::size_t kPictureClasses = 25;

// Heat map: rows gold, columns predicted, shade by the share of the row; the classes with most
// errors where there are more than 25.
std::string confusion_svg(const ConfusionMatrix& matrix);

// Share of right answers over confidence, with the gap between both, and how many answers each bin
// has.
std::string reliability_svg(const Calibration& calibration);

// Training loss (left axis) and dev metric (right axis) over steps. Empty without a finite value.
std::string training_svg(std::span<const TrainingPoint> curve, const std::string& dev_metric);

}  // namespace stemma::tasks
