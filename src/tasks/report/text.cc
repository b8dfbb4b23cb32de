// The report for a terminal.
#include <algorithm>
#include <iterator>

#include <fmt/format.h>

#include "tasks/report/report.h"
#include "tasks/report/show.h"
#include "tasks/report/summary.h"

namespace stemma::tasks {
namespace {

constexpr std::size_t kNameCharacters = 40, kColumnCharacters = 12, kMatrixClasses = 12;
constexpr std::size_t kNamedConfusions = 12;

std::string terminal_name(std::string_view name) { return show::shorten(name, kNameCharacters); }
std::string column_name(std::string_view name) { return show::shorten(name, kColumnCharacters); }

void append_table_row(std::string& out, const std::string& name, std::size_t width,
                      const Scores& scores) {
  fmt::format_to(std::back_inserter(out), "{}  {:>9.4f} {:>9.4f} {:>9.4f} {:>9}\n",
                 show::right(name, width), scores.precision, scores.recall, scores.f1,
                 scores.support);
}

// As scikit-learn's and seqeval's classification_report(digits=4).
void append_table(std::string& out, const Report& report) {
  if (report.classes.empty() || !report.averages) return;
  std::size_t width = std::string_view("weighted avg").size();
  for (const NamedScores& of_class : report.classes)
    width = std::max(width, show::columns(terminal_name(of_class.name)));
  fmt::format_to(std::back_inserter(out), "{:{}}  {:>9} {:>9} {:>9} {:>9}\n\n", "", width,
                 "precision", "recall", "f1-score", "support");
  for (const NamedScores& of_class : report.classes)
    append_table_row(out, terminal_name(of_class.name), width, of_class.scores);
  out += "\n";
  const Averages& averages = *report.averages;
  if (report.accuracy_line)
    fmt::format_to(std::back_inserter(out), "{}  {:>9} {:>9} {:>9.4f} {:>9}\n",
                   show::right("accuracy", width), "", "", averages.micro.f1,
                   averages.micro.support);
  else
    append_table_row(out, "micro avg", width, averages.micro);
  append_table_row(out, "macro avg", width, averages.macro);
  append_table_row(out, "weighted avg", width, averages.weighted);
  if (report.samples) append_table_row(out, "samples avg", width, *report.samples);
  out += "\n";
}

void append_figures(std::string& out, const Report& report) {
  std::size_t width = 0;
  for (const Figure& figure : report.figures) width = std::max(width, title_of(figure.name).size());
  const auto back = std::back_inserter(out);
  const bool intervals = std::any_of(report.figures.begin(), report.figures.end(),
                                     [](const Figure& f) { return f.interval.has_value(); });
  if (intervals) out += "With the interval of 95 % (bootstrap):\n";
  for (const Figure& figure : report.figures) {
    fmt::format_to(back, "  {}  {}", show::left(title_of(figure.name), width),
                   with_interval(figure));
    if (const Figure* changed = figure_named(report.changed, figure.name))
      fmt::format_to(back, "   under small changes {}", show::number(changed->value));
    out += "\n";
  }
  for (const SeedFigure& figure : report.seed_figures) {
    const MeanAndDeviation of_figure = mean_and_deviation(figure.values);
    fmt::format_to(back, "  {} of {} seeds: {} ± {}\n", title_of(figure.name), figure.values.size(),
                   show::number(of_figure.mean), show::number(of_figure.deviation));
  }
}

void append_matrix(std::string& out, const ConfusionMatrix& matrix) {
  out += "\nConfusion matrix (rows: gold, columns: predicted):\n";
  const std::size_t k = matrix.labels.size();
  std::size_t name_width = 0;
  std::vector<std::size_t> widths(k);
  for (std::size_t i = 0; i < k; ++i) {
    name_width = std::max(name_width, show::columns(terminal_name(matrix.labels[i])));
    widths[i] = show::columns(column_name(matrix.labels[i]));
    for (std::size_t g = 0; g < k; ++g)
      widths[i] = std::max(widths[i], std::to_string(matrix.at(g, i)).size());
  }
  out += std::string(name_width + 2, ' ');
  for (std::size_t p = 0; p < k; ++p)
    out += "  " + show::right(column_name(matrix.labels[p]), widths[p]);
  out += "\n";
  for (std::size_t g = 0; g < k; ++g) {
    out += "  " + show::right(terminal_name(matrix.labels[g]), name_width);
    for (std::size_t p = 0; p < k; ++p)
      out += "  " + show::right(std::to_string(matrix.at(g, p)), widths[p]);
    out += "\n";
  }
}

void append_confusions(std::string& out, const ConfusionMatrix& matrix) {
  if (matrix.labels.size() <= kMatrixClasses) return append_matrix(out, matrix);
  const std::vector<Confusion> all = frequent_confusions(matrix, kNamedConfusions);
  if (all.empty()) return;
  out += "\nMost frequent confusions:\n";
  for (const Confusion& c : all)
    fmt::format_to(std::back_inserter(out), "{:>6}  {}, taken for {}\n", c.count,
                   terminal_name(matrix.labels[c.gold]), terminal_name(matrix.labels[c.predicted]));
}

}  // namespace

std::string to_text(const Report& report) {
  std::string out;
  append_table(out, report);
  append_figures(out, report);
  if (report.confusion) append_confusions(out, *report.confusion);
  for (const std::string& note : report.notes) out += "Note: " + show::cut(note, 1000) + "\n";
  return out;
}

}  // namespace stemma::tasks
