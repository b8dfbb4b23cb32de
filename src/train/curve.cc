#include "train/curve.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <vector>

#include <fmt/format.h>

namespace stemma::train {
namespace {

constexpr double kWidth = 720, kHeight = 420;
constexpr double kLeft = 60, kRight = 20, kTop = 30, kBottom = 45;
constexpr std::size_t kMostPoints = 400;

// Where values lie in the picture.
struct Frame {
  double first_step, last_step, low, high;
  double x(double step) const {
    return kLeft + (step - first_step) / (last_step - first_step) * (kWidth - kLeft - kRight);
  }
  double y(double value) const {
    return kTop + (high - value) / (high - low) * (kHeight - kTop - kBottom);
  }
};

Frame frame_of(std::span<const CurvePoint> training, std::span<const CurvePoint> evaluations) {
  Frame frame{static_cast<double>(training.front().step), static_cast<double>(training.back().step),
              0, 0};
  frame.low = frame.high = training.front().value;
  for (const auto& points : {training, evaluations})
    for (const CurvePoint& p : points) {
      frame.low = std::min(frame.low, p.value);
      frame.high = std::max(frame.high, p.value);
      frame.first_step = std::min(frame.first_step, static_cast<double>(p.step));
      frame.last_step = std::max(frame.last_step, static_cast<double>(p.step));
    }
  if (frame.last_step <= frame.first_step) frame.last_step = frame.first_step + 1;
  const double margin = std::max(0.05 * (frame.high - frame.low), 1e-3);
  frame.low -= margin;
  frame.high += margin;
  return frame;
}

// 1, 2 or 5 times a power of ten, for about `count` ticks.
double tick_step(double range, int count) {
  const double raw = range / count, power = std::pow(10, std::floor(std::log10(raw)));
  for (double m : {1.0, 2.0, 5.0})
    if (m * power >= raw) return m * power;
  return 10 * power;
}

void draw_axes(std::string& svg, const Frame& frame) {
  auto out = std::back_inserter(svg);
  const double bottom = kHeight - kBottom;
  const double dy = tick_step(frame.high - frame.low, 6);
  for (double v = std::ceil(frame.low / dy) * dy; v <= frame.high; v += dy)
    fmt::format_to(out,
                   "<line x1='{:.0f}' x2='{:.0f}' y1='{:.1f}' y2='{:.1f}' stroke='#ddd'/>"
                   "<text x='{:.0f}' y='{:.1f}' text-anchor='end'>{:.4g}</text>\n",
                   kLeft, kWidth - kRight, frame.y(v), frame.y(v), kLeft - 6, frame.y(v) + 4, v);
  const double dx = std::max(1.0, tick_step(frame.last_step - frame.first_step, 8));
  for (double s = std::ceil(frame.first_step / dx) * dx; s <= frame.last_step; s += dx)
    fmt::format_to(out, "<text x='{:.1f}' y='{:.0f}' text-anchor='middle'>{:.0f}</text>\n",
                   frame.x(s), bottom + 16, s);
  fmt::format_to(
      out,
      "<polyline points='{0:.0f},{1:.0f} {0:.0f},{2:.0f} {3:.0f},{2:.0f}' fill='none' "
      "stroke='#333'/>\n<text x='{4:.0f}' y='{5:.0f}' text-anchor='middle'>step</text>\n",
      kLeft, kTop, bottom, kWidth - kRight, (kLeft + kWidth - kRight) / 2, kHeight - 8);
}

// Every stride-th point is drawn, the last one always.
void draw_line(std::string& svg, const Frame& frame, std::span<const CurvePoint> points,
               const char* style) {
  auto out = std::back_inserter(svg);
  const std::size_t stride = points.size() / kMostPoints + 1;
  fmt::format_to(out, "<polyline fill='none' {} points='", style);
  for (std::size_t i = 0; i < points.size(); i += stride)
    fmt::format_to(out, "{:.1f},{:.1f} ", frame.x(static_cast<double>(points[i].step)),
                   frame.y(points[i].value));
  const CurvePoint& last = points.back();
  fmt::format_to(out, "{:.1f},{:.1f}'/>\n", frame.x(static_cast<double>(last.step)),
                 frame.y(last.value));
}

std::vector<CurvePoint> running_mean(std::span<const CurvePoint> points) {
  // Bias-corrected exponential mean over about a fiftieth of the run.
  const double keep = 1 - 1 / std::max(1.0, static_cast<double>(points.size()) / 50);
  std::vector<CurvePoint> smooth(points.begin(), points.end());
  double mean = 0, weight = 0;
  for (CurvePoint& p : smooth) {
    mean = keep * mean + (1 - keep) * p.value;
    weight = keep * weight + (1 - keep);
    p.value = mean / weight;
  }
  return smooth;
}

}  // namespace

std::string loss_curve_svg(std::span<const CurvePoint> training,
                           std::span<const CurvePoint> evaluations) {
  const Frame frame = frame_of(training, evaluations);
  std::string svg = fmt::format(
      "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {0:.0f} {1:.0f}' width='{0:.0f}' "
      "height='{1:.0f}' font-family='sans-serif' font-size='12' fill='#333'>\n"
      "<rect width='100%' height='100%' fill='white'/>\n",
      kWidth, kHeight);
  draw_axes(svg, frame);
  draw_line(svg, frame, training, "stroke='#9bbce0' stroke-width='1'");
  draw_line(svg, frame, running_mean(training), "stroke='#1f5fa8' stroke-width='2'");
  auto out = std::back_inserter(svg);
  for (const CurvePoint& p : evaluations)
    fmt::format_to(out, "<circle cx='{:.1f}' cy='{:.1f}' r='4' fill='#d1492e'/>\n",
                   frame.x(static_cast<double>(p.step)), frame.y(p.value));
  fmt::format_to(out,
                 "<text x='{0:.0f}' y='18'>loss (nats per token): <tspan fill='#1f5fa8'>training "
                 "{1:.3f}</tspan>",
                 kLeft, training.back().value);
  if (!evaluations.empty())
    fmt::format_to(out, " <tspan fill='#d1492e'>● validation {:.3f}</tspan>",
                   evaluations.back().value);
  svg += "</text>\n</svg>\n";
  return svg;
}

}  // namespace stemma::train
