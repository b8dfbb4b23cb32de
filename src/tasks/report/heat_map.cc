#include <algorithm>
#include <cmath>
#include <iterator>

#include <fmt/format.h>

#include "tasks/report/pictures.h"
#include "tasks/report/show.h"
#include "tasks/report/summary.h"

namespace stemma::tasks {
namespace {

constexpr std::size_t kPictureNameCharacters = 30;
constexpr double kColumnOfText = 6.6;  // pixels, at 12 pixels of size

struct HeatMap {
  std::vector<std::size_t> classes;
  std::vector<std::string> names;
  double cell = 0, left = 0, top = 0, over = 0;  // over: what slanted names take to the right
  double x(std::size_t i) const { return left + cell * static_cast<double>(i); }
  double y(std::size_t i) const { return top + cell * static_cast<double>(i); }
  double side() const { return cell * static_cast<double>(classes.size()); }
};

HeatMap lay_out(const ConfusionMatrix& matrix) {
  HeatMap map;
  map.classes = classes_with_most_errors(matrix, kPictureClasses);
  double longest = 0;
  for (std::size_t label : map.classes) {
    map.names.push_back(show::shorten(matrix.labels[label], kPictureNameCharacters));
    longest = std::max(longest, static_cast<double>(show::columns(map.names.back())));
  }
  const double text = longest * kColumnOfText;
  const double count = static_cast<double>(std::max<std::size_t>(map.classes.size(), 1));
  map.cell = std::clamp(560 / count, 24.0, 76.0);
  map.left = text + 34;
  map.top = 0.71 * text + 42;
  map.over = std::max(0.71 * text - map.cell / 2 + 16, 12.0);
  return map;
}

void draw_names(std::string& svg, const HeatMap& map) {
  const auto out = std::back_inserter(svg);
  for (std::size_t i = 0; i < map.names.size(); ++i) {
    const std::string name = show::html(map.names[i]);
    const double middle = map.cell / 2;
    fmt::format_to(out, "<text x='{:.1f}' y='{:.1f}' text-anchor='end'>{}</text>\n", map.left - 8,
                   map.y(i) + middle + 4, name);
    fmt::format_to(out, "<text transform='translate({:.1f},{:.1f}) rotate(-45)'>{}</text>\n",
                   map.x(i) + middle + 3, map.top - 8, name);
  }
  fmt::format_to(out,
                 "<text class='axis' x='{:.1f}' y='14'>predicted →</text>\n"
                 "<text class='axis' transform='translate(14,{:.1f}) rotate(-90)' "
                 "text-anchor='end'>← gold</text>\n",
                 map.left, map.top);
}

void draw_cells(std::string& svg, const HeatMap& map, const ConfusionMatrix& matrix) {
  const auto out = std::back_inserter(svg);
  const double size = std::min(14.0, map.cell * 0.45);
  for (std::size_t g = 0; g < map.classes.size(); ++g) {
    std::int64_t row = 0;
    for (std::size_t p = 0; p < matrix.labels.size(); ++p) row += matrix.at(map.classes[g], p);
    for (std::size_t p = 0; p < map.classes.size(); ++p) {
      const std::int64_t count = matrix.at(map.classes[g], map.classes[p]);
      if (count == 0) continue;
      // By the root, so that a few errors among many answers are seen.
      const double share = static_cast<double>(count) / static_cast<double>(row);
      const double shade = 0.08 + 0.87 * std::sqrt(share);
      fmt::format_to(out,
                     "<g><title>gold {}, predicted {}: {} of {}</title><rect class='{}' x='{:.1f}' "
                     "y='{:.1f}' width='{:.1f}' height='{:.1f}' fill-opacity='{:.3f}'/>",
                     show::html(map.names[g]), show::html(map.names[p]), count, row,
                     g == p ? "right" : "wrong", map.x(p) + 0.5, map.y(g) + 0.5, map.cell - 1,
                     map.cell - 1, shade);
      const double digits = static_cast<double>(std::to_string(count).size());
      const double fitting = std::min(size, (map.cell - 3) / (0.62 * digits));
      fmt::format_to(out,
                     "<text class='{}' x='{:.1f}' y='{:.1f}' font-size='{:.1f}' "
                     "text-anchor='middle'>{}</text></g>\n",
                     shade > 0.55 ? "on" : "count", map.x(p) + map.cell / 2,
                     map.y(g) + map.cell / 2 + fitting * 0.36, fitting, count);
    }
  }
}

}  // namespace

std::string confusion_svg(const ConfusionMatrix& matrix) {
  const HeatMap map = lay_out(matrix);
  const double width = map.left + map.side() + map.over, height = map.top + map.side() + 6;
  std::string svg = fmt::format(
      "<svg viewBox='0 0 {0:.0f} {1:.0f}' width='{0:.0f}' role='img' aria-label='Confusion "
      "matrix'>\n<rect class='frame' x='{2:.1f}' y='{3:.1f}' width='{4:.1f}' height='{4:.1f}'/>\n",
      width, height, map.left, map.top, map.side());
  draw_names(svg, map);
  draw_cells(svg, map, matrix);
  return svg + "</svg>\n";
}

}  // namespace stemma::tasks
