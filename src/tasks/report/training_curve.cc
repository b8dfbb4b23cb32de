#include <algorithm>
#include <cmath>
#include <iterator>
#include <vector>

#include <fmt/format.h>

#include "tasks/report/pictures.h"
#include "tasks/report/show.h"
#include "tasks/report/summary.h"

namespace stemma::tasks {
namespace {

constexpr double kCurveWidth = 720, kCurveHeight = 300;
constexpr double kCurveLeft = 56, kCurveRight = 56, kCurveTop = 30, kCurveBottom = 40;
constexpr std::size_t kCurvePoints = 400;

struct CurveLine {
  std::vector<std::pair<double, double>> points;  // step, value
  double low = 0, high = 0;
};

CurveLine curve_line(std::span<const TrainingPoint> curve,
                     std::optional<double> TrainingPoint::*value_of) {
  CurveLine line;
  for (const TrainingPoint& p : curve) {
    const std::optional<double>& value = p.*value_of;
    if (value && std::isfinite(*value)) line.points.emplace_back(p.step, *value);
  }
  if (line.points.empty()) return line;
  line.low = line.high = line.points[0].second;
  for (const auto& [step, value] : line.points) {
    line.low = std::min(line.low, value);
    line.high = std::max(line.high, value);
  }
  const double margin = std::max(0.06 * (line.high - line.low), 1e-3);
  line.low -= margin;
  line.high += margin;
  return line;
}

double curve_y(const CurveLine& line, double value) {
  return kCurveTop +
         (line.high - value) / (line.high - line.low) * (kCurveHeight - kCurveTop - kCurveBottom);
}

// Five values from low to high, at the left or the right edge.
void draw_scale(std::string& svg, const CurveLine& line, bool at_right) {
  if (line.points.empty()) return;
  const auto out = std::back_inserter(svg);
  for (int i = 0; i <= 4; ++i) {
    const double value = line.low + (line.high - line.low) * i / 4, y = curve_y(line, value);
    fmt::format_to(out,
                   "<line class='grid' x1='{:.0f}' x2='{:.0f}' y1='{:.1f}' y2='{:.1f}'/>"
                   "<text x='{:.0f}' y='{:.1f}' text-anchor='{}'>{:.3f}</text>\n",
                   kCurveLeft, kCurveWidth - kCurveRight, y, y,
                   at_right ? kCurveWidth - kCurveRight + 6 : kCurveLeft - 6, y + 4,
                   at_right ? "start" : "end", value);
  }
}

}  // namespace

std::string training_svg(std::span<const TrainingPoint> curve, const std::string& dev_metric) {
  const CurveLine loss = curve_line(curve, &TrainingPoint::loss);
  const CurveLine dev = curve_line(curve, &TrainingPoint::dev_metric);
  if (loss.points.empty() && dev.points.empty()) return "";
  double first = INFINITY, last = -INFINITY;
  for (const CurveLine* line : {&loss, &dev})
    for (const auto& [step, value] : line->points) {
      first = std::min(first, step);
      last = std::max(last, step);
    }
  if (last <= first) last = first + 1;
  const auto x = [&](double step) {
    return kCurveLeft + (step - first) / (last - first) * (kCurveWidth - kCurveLeft - kCurveRight);
  };
  std::string svg = fmt::format(
      "<svg viewBox='0 0 {0:.0f} {1:.0f}' width='{0:.0f}' role='img' aria-label='Training "
      "curve'>\n",
      kCurveWidth, kCurveHeight);
  const auto out = std::back_inserter(svg);
  draw_scale(svg, loss, false);
  draw_scale(svg, dev, true);
  for (const auto& [line, style] : {std::pair{&loss, "loss"}, std::pair{&dev, "dev"}}) {
    if (line->points.empty()) continue;
    const std::size_t stride = line->points.size() / kCurvePoints + 1;
    fmt::format_to(out, "<polyline class='{}' points='", style);
    for (std::size_t i = 0; i < line->points.size(); ++i)
      if (i % stride == 0 || i + 1 == line->points.size())
        fmt::format_to(out, "{:.1f},{:.1f} ", x(line->points[i].first),
                       curve_y(*line, line->points[i].second));
    svg += "'/>\n";
  }
  if (dev.points.size() <= kCurvePoints)
    for (const auto& [step, value] : dev.points)
      fmt::format_to(out, "<circle class='devdot' cx='{:.1f}' cy='{:.1f}' r='3.5'/>\n", x(step),
                     curve_y(dev, value));
  if (!loss.points.empty())
    fmt::format_to(out, "<text class='losstext' x='{:.0f}' y='16'>training loss</text>\n",
                   kCurveLeft);
  if (!dev.points.empty())
    fmt::format_to(out,
                   "<text class='devtext' x='{:.0f}' y='16' text-anchor='end'>{} on dev</text>\n",
                   kCurveWidth - kCurveRight, show::html(show::cut(title_of(dev_metric), 60)));
  fmt::format_to(out,
                 "<text x='{0:.0f}' y='{2:.0f}'>step {3:.0f}</text><text x='{1:.0f}' y='{2:.0f}' "
                 "text-anchor='end'>step {4:.0f}</text>\n</svg>\n",
                 kCurveLeft, kCurveWidth - kCurveRight, kCurveHeight - 14, first, last);
  return svg;
}

}  // namespace stemma::tasks
