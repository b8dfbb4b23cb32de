#include "serve/load/picture.h"

#include <algorithm>
#include <array>
#include <cmath>

#include <fmt/format.h>

namespace stemma::serve {
namespace {

constexpr double kLeft = 56, kTop = 44, kWidth = 600, kHeight = 260;

struct Curve {
  const char* name;
  const char* colour;
  const Times& times;
};

// Whole powers of ten around all that was measured, in seconds.
struct Axis {
  int least = -3, most = 0;
  double at(double seconds) const {
    const double share =
        (std::log10(std::max(seconds, 1e-9)) - least) / static_cast<double>(most - least);
    return kLeft + kWidth * std::clamp(share, 0.0, 1.0);
  }
};

Axis axis_of(std::span<const Curve> curves) {
  Axis axis;
  bool first = true;
  for (const Curve& curve : curves) {
    if (curve.times.empty()) continue;
    const int low = static_cast<int>(std::floor(std::log10(std::max(curve.times.at(0), 1e-6))));
    const int high = static_cast<int>(std::ceil(std::log10(std::max(curve.times.at(1), 1e-6))));
    axis.least = first ? low : std::min(axis.least, low);
    axis.most = first ? high : std::max(axis.most, high);
    first = false;
  }
  axis.most = std::max(axis.most, axis.least + 1);
  return axis;
}

std::string time_text(int power) {
  if (power >= 0) return fmt::format("{} s", std::pow(10, power));
  if (power >= -3) return fmt::format("{} ms", std::pow(10, power + 3));
  return fmt::format("{} µs", std::pow(10, power + 6));
}

std::string grid(const Axis& axis) {
  std::string out;
  for (int power = axis.least; power <= axis.most; ++power) {
    const double x = axis.at(std::pow(10.0, power));
    out += fmt::format(
        "<line class=\"grid\" x1=\"{0:.1f}\" x2=\"{0:.1f}\" y1=\"{1}\" y2=\"{2}\"/>"
        "<text x=\"{0:.1f}\" y=\"{3}\" text-anchor=\"middle\">{4}</text>\n",
        x, kTop, kTop + kHeight, kTop + kHeight + 18, time_text(power));
  }
  for (int percent = 0; percent <= 100; percent += 25)
    out += fmt::format(
        "<line class=\"grid\" x1=\"{0}\" x2=\"{1}\" y1=\"{2:.1f}\" y2=\"{2:.1f}\"/>"
        "<text x=\"{3}\" y=\"{4:.1f}\" text-anchor=\"end\">{5} %</text>\n",
        kLeft, kLeft + kWidth, kTop + kHeight * (1 - percent / 100.0), kLeft - 8,
        kTop + kHeight * (1 - percent / 100.0) + 4, percent);
  return out;
}

// At most two hundred points: the shares are what one can see.
std::string curve_svg(const Curve& curve, const Axis& axis) {
  if (curve.times.empty()) return {};
  constexpr int kPoints = 200;
  std::string points;
  for (int i = 0; i <= kPoints; ++i) {
    const double share = static_cast<double>(i) / kPoints;
    points +=
        fmt::format("{:.1f},{:.1f} ", axis.at(curve.times.at(share)), kTop + kHeight * (1 - share));
  }
  return fmt::format("<polyline class=\"{}\" points=\"{}\"/>\n", curve.colour, points);
}

}  // namespace

std::string load_svg(const LoadResult& r) {
  const std::array curves = {Curve{"first token", "a", r.first_token},
                             Curve{"between tokens", "b", r.between_tokens},
                             Curve{"last token", "c", r.whole}};
  const Axis axis = axis_of(curves);
  std::string out = fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {} {}\" role=\"img\" "
      "aria-label=\"How long clients waited\">\n<style>svg {{ background: #fff; font: 12px "
      "system-ui, sans-serif; }} text {{ fill: #4a5560; }} .grid {{ stroke: #e2e6ea; }} polyline "
      "{{ fill: none; stroke-width: 2; }} .a {{ stroke: #17606b; }} .b {{ stroke: #b3541e; }} .c "
      "{{ stroke: #5b4a9c; }} @media (prefers-color-scheme: dark) {{ svg {{ background: #14181a; "
      "}} text {{ fill: #b9c3ca; }} .grid {{ stroke: #2c353b; }} .a {{ stroke: #6cc5cf; }} .b {{ "
      "stroke: #f0a36b; }} .c {{ stroke: #b3a4f0; }} }}</style>\n",
      kLeft + kWidth + 24, kTop + kHeight + 76);
  out += fmt::format(
      "<text x=\"{}\" y=\"20\">{} requests, {} failed, {:.1f} output tokens/s: the share of "
      "clients "
      "that had waited no longer</text>\n",
      kLeft, r.requests, r.failed,
      static_cast<double>(r.output_tokens) / std::max(r.seconds, 1e-9));
  out += grid(axis);
  double x = kLeft;
  for (const Curve& curve : curves) {
    out += curve_svg(curve, axis);
    out += fmt::format(
        "<polyline class=\"{0}\" points=\"{1},{3} {2},{3}\"/><text x=\"{4}\" y=\"{5}\">{6}: median "
        "{7:.3g} s</text>\n",
        curve.colour, x, x + 20, kTop + kHeight + 46, x + 26, kTop + kHeight + 50, curve.name,
        curve.times.at(0.5));
    x += 205;
  }
  return out + "</svg>\n";
}

}  // namespace stemma::serve
