// The report as Markdown.
#include <iterator>

#include <fmt/format.h>

#include "tasks/report/report.h"
#include "tasks/report/show.h"
#include "tasks/report/summary.h"

namespace stemma::tasks {
namespace {

constexpr std::size_t kMarkdownNameCharacters = 80, kMarkdownTextCharacters = 500;
constexpr std::size_t kMarkdownMatrixClasses = 12, kMarkdownConfusions = 25;

std::string md_name(std::string_view text) {
  return show::markdown(show::cut(text, kMarkdownNameCharacters));
}

std::string md_text(std::string_view text) {
  return show::markdown(show::cut(text, kMarkdownTextCharacters));
}

void md_figures(std::string& out, const Report& report) {
  if (report.figures.empty()) return;
  const bool changed = !report.changed.empty();
  const auto back = std::back_inserter(out);
  fmt::format_to(back,
                 "| figure | value | 95 % interval | standard error |{}\n|---|---|---|---|{}\n",
                 changed ? " under small changes |" : "", changed ? "---|" : "");
  for (const Figure& figure : report.figures) {
    const std::string none = "–";
    const auto& i = figure.interval;
    fmt::format_to(back, "| {} | {} | {} | {} |", md_name(title_of(figure.name)),
                   show::number(figure.value),
                   i ? fmt::format("{} to {}", show::number(i->low), show::number(i->high)) : none,
                   i ? show::number(i->standard_error) : none);
    if (changed) {
      const Figure* other = figure_named(report.changed, figure.name);
      fmt::format_to(back, " {} |", other != nullptr ? show::number(other->value) : none);
    }
    out += "\n";
  }
}

void md_seeds(std::string& out, const Report& report) {
  if (report.seed_figures.empty()) return;
  out += "\n## Seeds\n\n| figure | mean ± deviation |";
  for (std::uint64_t seed : report.seeds) out += fmt::format(" seed {} |", seed);
  out += "\n|---|---|";
  for (std::size_t i = 0; i < report.seeds.size(); ++i) out += "---|";
  out += "\n";
  for (const SeedFigure& figure : report.seed_figures) {
    const MeanAndDeviation of_figure = mean_and_deviation(figure.values);
    out += fmt::format("| {} | {} ± {} |", md_name(title_of(figure.name)),
                       show::number(of_figure.mean), show::number(of_figure.deviation));
    for (double value : figure.values) out += " " + show::number(value) + " |";
    out += "\n";
  }
}

void md_row(std::string& out, const std::string& name, const Scores& s) {
  fmt::format_to(std::back_inserter(out), "| {} | {:.4f} | {:.4f} | {:.4f} | {} |\n", name,
                 s.precision, s.recall, s.f1, s.support);
}

void md_classes(std::string& out, const Report& report) {
  if (report.classes.empty() || !report.averages) return;
  out += "\n## Classes\n\n| class | precision | recall | F1 | support |\n|---|---|---|---|---|\n";
  for (const NamedScores& c : report.classes) md_row(out, md_name(c.name), c.scores);
  md_row(out, "*micro average*", report.averages->micro);
  md_row(out, "*macro average*", report.averages->macro);
  md_row(out, "*weighted average*", report.averages->weighted);
  if (report.samples) md_row(out, "*samples average*", *report.samples);
}

void md_confusions(std::string& out, const ConfusionMatrix& matrix) {
  if (matrix.labels.size() > kMarkdownMatrixClasses) {
    out += "\n## Most frequent confusions\n\n| gold | predicted | examples |\n|---|---|---|\n";
    for (const Confusion& c : frequent_confusions(matrix, kMarkdownConfusions))
      out += fmt::format("| {} | {} | {} |\n", md_name(matrix.labels[c.gold]),
                         md_name(matrix.labels[c.predicted]), c.count);
    return;
  }
  out += "\n## Confusion matrix\n\n| gold \\ predicted |";
  for (const std::string& label : matrix.labels) out += " " + md_name(label) + " |";
  out += "\n|---|";
  for (std::size_t p = 0; p < matrix.labels.size(); ++p) out += "---|";
  for (std::size_t g = 0; g < matrix.labels.size(); ++g) {
    out += "\n| " + md_name(matrix.labels[g]) + " |";
    for (std::size_t p = 0; p < matrix.labels.size(); ++p)
      out += fmt::format(" {} |", matrix.at(g, p));
  }
  out += "\n";
}

void md_calibration(std::string& out, const Calibration& calibration) {
  out +=
      "\n## Calibration\n\n| confidence | answers | mean confidence | right |\n|---|---|---|---|\n";
  for (std::size_t b = 0; b < kCalibrationBins; ++b) {
    const CalibrationBin& bin = calibration.bins[b];
    if (bin.count == 0) continue;
    const double width = static_cast<double>(kCalibrationBins);
    out +=
        fmt::format("| {:.3f} to {:.3f} | {} | {:.4f} | {:.4f} |\n", static_cast<double>(b) / width,
                    static_cast<double>(b + 1) / width, bin.count, bin.confidence, bin.accuracy);
  }
}

void md_worst(std::string& out, const Report& report) {
  if (report.worst.empty()) return;
  out +=
      "\n## Worst mistakes\n\n| where | gold | predicted | confidence | text |\n"
      "|---|---|---|---|---|\n";
  for (const Mistake& m : report.worst)
    out += fmt::format("| {} | {} | {} | {} | {} |\n", md_name(m.place), md_text(m.gold),
                       md_text(m.predicted), show::number(m.confidence), md_text(m.text));
}

void md_pairs(std::string& out, const std::vector<std::pair<std::string, std::string>>& rows) {
  out += "| | |\n|---|---|\n";
  for (const auto& [key, value] : rows)
    out += fmt::format("| {} | {} |\n", md_name(key), md_text(value));
}

void md_curve(std::string& out, const Report& report) {
  bool any = false;
  for (const TrainingPoint& point : report.curve) {
    if (!point.dev_metric) continue;
    if (!any)
      out += fmt::format("\n## Training\n\n| step | training loss | {} on dev |\n|---|---|---|\n",
                         md_name(title_of(report.dev_metric)));
    any = true;
    out +=
        fmt::format("| {} | {} | {} |\n", point.step, point.loss ? show::number(*point.loss) : "–",
                    show::number(*point.dev_metric));
  }
}

}  // namespace

std::string to_markdown(const Report& report) {
  std::string out = fmt::format("# {}: {}\n\nFigures of {}.\n\n", md_name(report.task),
                                md_text(report.model), md_name(report.split));
  for (const DataSet& set : report.data)
    out +=
        fmt::format("- {}: {}, {} examples\n", md_name(set.split), md_text(set.name), set.examples);
  for (const auto& [name, value] : report.counts)
    out += fmt::format("- {}: {}\n", md_name(name), md_text(value));
  out += "\n";
  md_figures(out, report);
  if (!report.notes.empty()) out += "\n";
  for (const std::string& note : report.notes) out += fmt::format("- {}\n", md_text(note));
  md_seeds(out, report);
  md_classes(out, report);
  if (report.confusion) md_confusions(out, *report.confusion);
  if (report.calibration) md_calibration(out, *report.calibration);
  md_curve(out, report);
  md_worst(out, report);
  for (const Settings& group : report.settings) {
    out += fmt::format("\n## {}\n\n", md_name(group.title));
    md_pairs(out, group.rows);
  }
  return out;
}

}  // namespace stemma::tasks
