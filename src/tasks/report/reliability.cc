#include <algorithm>
#include <iterator>

#include <fmt/format.h>

#include "tasks/report/pictures.h"

namespace stemma::tasks {
namespace {

constexpr double kSide = 300, kPlotLeft = 46, kPlotTop = 26, kHistogram = 70, kGapBelow = 34;

double across(double share) { return kPlotLeft + share * kSide; }
double upward(double share) { return kPlotTop + (1 - share) * kSide; }

void draw_reliability_axes(std::string& svg) {
  const auto out = std::back_inserter(svg);
  for (int tenth = 0; tenth <= 10; tenth += 2) {
    const double share = tenth / 10.0;
    fmt::format_to(out,
                   "<line class='grid' x1='{0:.1f}' x2='{1:.1f}' y1='{2:.1f}' y2='{2:.1f}'/>"
                   "<text x='{3:.1f}' y='{4:.1f}' text-anchor='end'>{5:.1f}</text>"
                   "<text x='{6:.1f}' y='{7:.1f}' text-anchor='middle'>{5:.1f}</text>\n",
                   across(0), across(1), upward(share), across(0) - 6, upward(share) + 4, share,
                   across(share), upward(0) + 16);
  }
  fmt::format_to(out,
                 "<text class='axis' x='{:.1f}' y='14'>share of right answers</text>\n"
                 "<text class='axis' x='{:.1f}' y='{:.1f}' text-anchor='end'>answers per "
                 "confidence</text>\n",
                 across(0), across(1), upward(0) + kGapBelow + kHistogram + 16);
}

}  // namespace

std::string reliability_svg(const Calibration& calibration) {
  const double width = kPlotLeft + kSide + 16, height = upward(0) + kGapBelow + kHistogram + 24;
  std::string svg = fmt::format(
      "<svg viewBox='0 0 {0:.0f} {1:.0f}' width='{0:.0f}' role='img' aria-label='Reliability "
      "diagram'>\n",
      width, height);
  draw_reliability_axes(svg);
  const auto out = std::back_inserter(svg);
  std::int64_t most = 1;
  for (const CalibrationBin& bin : calibration.bins) most = std::max(most, bin.count);
  const double bins = static_cast<double>(kCalibrationBins), wide = kSide / bins - 2;
  const double base = upward(0) + kGapBelow + kHistogram;
  for (std::size_t b = 0; b < kCalibrationBins; ++b) {
    const CalibrationBin& bin = calibration.bins[b];
    if (bin.count == 0) continue;
    const double x = across(static_cast<double>(b) / bins) + 1;
    const double high = std::max(bin.accuracy, bin.confidence);
    const double low = std::min(bin.accuracy, bin.confidence);
    const double tall =
        std::max(1.0, kHistogram * static_cast<double>(bin.count) / static_cast<double>(most));
    fmt::format_to(
        out,
        "<g><title>{0} answers, mean confidence {1:.3f}, right {2:.3f}</title>"
        "<rect class='right' x='{3:.1f}' y='{4:.1f}' width='{5:.1f}' height='{6:.1f}'/>"
        "<rect class='{11}' x='{3:.1f}' y='{7:.1f}' width='{5:.1f}' height='{8:.1f}'/>"
        "<rect class='bar' x='{3:.1f}' y='{9:.1f}' width='{5:.1f}' height='{10:.1f}'/></g>\n",
        bin.count, bin.confidence, bin.accuracy, x, upward(low), wide, kSide * low, upward(high),
        kSide * (high - low), base - tall, tall, bin.accuracy < bin.confidence ? "wrong" : "more");
  }
  fmt::format_to(out,
                 "<line class='ideal' x1='{0:.1f}' y1='{1:.1f}' x2='{2:.1f}' y2='{3:.1f}'/>\n"
                 "<line class='rule' x1='{0:.1f}' x2='{2:.1f}' y1='{4:.1f}' y2='{4:.1f}'/>\n"
                 "<polyline class='rule' points='{0:.1f},{3:.1f} {0:.1f},{1:.1f} "
                 "{2:.1f},{1:.1f}'/>\n</svg>\n",
                 across(0), upward(0), across(1), upward(1), base);
  return svg;
}

}  // namespace stemma::tasks
