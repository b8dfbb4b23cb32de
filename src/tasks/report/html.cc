// The report as one HTML page.
#include <iterator>

#include <fmt/format.h>

#include "tasks/report/pictures.h"
#include "tasks/report/report.h"
#include "tasks/report/show.h"
#include "tasks/report/style.h"
#include "tasks/report/summary.h"

namespace stemma::tasks {
namespace {

constexpr std::size_t kHtmlNameCharacters = 120, kHtmlTextCharacters = 500;
constexpr std::size_t kHtmlConfusions = 15;

std::string page_name(std::string_view text) {
  return "<bdi>" + show::html(show::cut(text, kHtmlNameCharacters)) + "</bdi>";
}

std::string page_text(std::string_view text) {
  return "<bdi>" + show::html(show::cut(text, kHtmlTextCharacters)) + "</bdi>";
}

void page_head(std::string& out, const Report& report) {
  fmt::format_to(std::back_inserter(out),
                 "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
                 "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
                 "<title>{}: {}</title>\n<style>{}</style>\n</head>\n<body>\n<h1>{}</h1>\n"
                 "<p>{} · figures of <strong>{}</strong></p>\n",
                 show::html(show::cut(report.task, kHtmlNameCharacters)),
                 show::html(show::cut(report.split, kHtmlNameCharacters)), kReportStyle,
                 page_name(report.task), page_text(report.model), page_name(report.split));
  for (const DataSet& set : report.data)
    out += fmt::format("<p>{}: {}, {} examples</p>\n", page_name(set.split), page_text(set.name),
                       set.examples);
  for (const auto& [name, value] : report.counts)
    out += fmt::format("<p>{}: {}</p>\n", page_name(name), page_text(value));
}

void page_cards(std::string& out, const Report& report) {
  if (report.figures.empty()) return;
  out += "<div class=\"cards\">\n";
  bool intervals = false;
  for (const Figure& figure : report.figures) {
    out += fmt::format("<div class=\"card\"><span>{}</span><b>{}</b>",
                       page_name(title_of(figure.name)), show::number(figure.value));
    if (figure.interval) {
      intervals = true;
      out += fmt::format("<span>{} to {}</span>", show::number(figure.interval->low),
                         show::number(figure.interval->high));
    }
    if (const Figure* changed = figure_named(report.changed, figure.name))
      out += fmt::format("<span>{} under small changes</span>", show::number(changed->value));
    out += "</div>\n";
  }
  out += "</div>\n";
  if (intervals)
    out += "<p>Below each figure: its interval of 95 % (bootstrap over the examples).</p>\n";
}

void page_notes(std::string& out, const Report& report) {
  if (report.notes.empty()) return;
  out += "<ul class=\"notes\">\n";
  for (const std::string& note : report.notes) out += "<li>" + page_text(note) + "</li>\n";
  out += "</ul>\n";
}

void page_seeds(std::string& out, const Report& report) {
  if (report.seed_figures.empty()) return;
  out +=
      "<h2>Seeds</h2>\n<div class=\"scroll\"><table><tr><th>figure</th><th>mean</th>"
      "<th>deviation</th>";
  for (std::uint64_t seed : report.seeds) out += fmt::format("<th>seed {}</th>", seed);
  out += "</tr>\n";
  for (const SeedFigure& figure : report.seed_figures) {
    const MeanAndDeviation of_figure = mean_and_deviation(figure.values);
    out += fmt::format("<tr><td>{}</td><td>{}</td><td>± {}</td>", page_name(title_of(figure.name)),
                       show::number(of_figure.mean), show::number(of_figure.deviation));
    for (double value : figure.values) out += "<td>" + show::number(value) + "</td>";
    out += "</tr>\n";
  }
  out += "</table></div>\n";
}

void page_row(std::string& out, const char* style, const std::string& name, const Scores& s) {
  fmt::format_to(std::back_inserter(out),
                 "<tr{}><td>{}</td><td>{:.4f}</td><td>{:.4f}</td><td>{:.4f}</td><td>{}</td></tr>\n",
                 style, name, s.precision, s.recall, s.f1, s.support);
}

void page_classes(std::string& out, const Report& report) {
  if (report.classes.empty() || !report.averages) return;
  out += "<h2>Classes</h2>\n";
  const bool many = report.classes.size() > kPictureClasses;
  if (many)
    out += fmt::format("<details open><summary>{} classes</summary>\n", report.classes.size());
  out +=
      "<div class=\"scroll\"><table><tr><th>class</th><th>precision</th>"
      "<th>recall</th><th>F1</th><th>support</th></tr>\n";
  for (const NamedScores& c : report.classes) page_row(out, "", page_name(c.name), c.scores);
  page_row(out, " class=\"mean first\"", "micro average", report.averages->micro);
  page_row(out, " class=\"mean\"", "macro average", report.averages->macro);
  page_row(out, " class=\"mean\"", "weighted average", report.averages->weighted);
  if (report.samples) page_row(out, " class=\"mean\"", "samples average", *report.samples);
  out += many ? "</table></div></details>\n" : "</table></div>\n";
}

void page_confusions(std::string& out, const ConfusionMatrix& matrix) {
  out += "<h2>Confusion matrix</h2>\n";
  if (matrix.labels.size() > kPictureClasses)
    out += fmt::format(
        "<p>The {} of {} classes with most errors. Shade: share of the gold class; "
        "a row's other answers went to classes that are not shown.</p>\n",
        kPictureClasses, matrix.labels.size());
  else
    out += "<p>Examples; shade: share of the gold class.</p>\n";
  out += "<div class=\"scroll\">" + confusion_svg(matrix) + "</div>\n";
  const std::vector<Confusion> confusions = frequent_confusions(matrix, kHtmlConfusions);
  if (matrix.labels.size() < 4 || confusions.empty()) return;
  out +=
      "<h2>Most frequent confusions</h2>\n<div class=\"scroll\"><table class=\"words\"><tr>"
      "<th>gold</th><th>predicted</th><th>examples</th></tr>\n";
  for (const Confusion& c : confusions)
    out += fmt::format("<tr><td>{}</td><td>{}</td><td>{}</td></tr>\n",
                       page_name(matrix.labels[c.gold]), page_name(matrix.labels[c.predicted]),
                       c.count);
  out += "</table></div>\n";
}

void page_calibration(std::string& out, const Calibration& calibration) {
  out +=
      "<h2>Calibration</h2>\n<p>Are answers given with a confidence of 70 % right in 70 % of "
      "cases? Blue: the share that is right, pale above the confidence; red: what it lacks below "
      "the confidence; dashed: perfect.</p>\n<div class=\"scroll\">" +
      reliability_svg(calibration) + "</div>\n";
}

void page_curve(std::string& out, const Report& report) {
  const std::string svg = training_svg(report.curve, report.dev_metric);
  if (!svg.empty()) out += "<h2>Training</h2>\n<div class=\"scroll\">" + svg + "</div>\n";
}

void page_worst(std::string& out, const Report& report) {
  if (report.worst.empty()) return;
  out +=
      "<h2>Worst mistakes</h2>\n<div class=\"scroll\"><table class=\"words\"><tr><th>where</th>"
      "<th>gold</th><th>predicted</th><th>confidence</th><th>text</th></tr>\n";
  for (const Mistake& m : report.worst)
    out += fmt::format(
        "<tr><td class=\"place\">{}</td><td>{}</td><td>{}</td><td>{}</td>"
        "<td class=\"text\">{}</td></tr>\n",
        page_name(m.place), page_text(m.gold), page_text(m.predicted), show::number(m.confidence),
        page_text(m.text));
  out += "</table></div>\n";
}

void page_settings(std::string& out, const Report& report) {
  for (const Settings& group : report.settings) {
    out += "<h2>" + page_name(group.title) + "</h2>\n<div class=\"scroll\"><table class=\"words\">";
    for (const auto& [key, value] : group.rows)
      out += "<tr><th>" + page_name(key) + "</th><td>" + page_text(value) + "</td></tr>\n";
    out += "</table></div>\n";
  }
}

}  // namespace

std::string to_html(const Report& report) {
  std::string out;
  page_head(out, report);
  page_cards(out, report);
  page_notes(out, report);
  page_seeds(out, report);
  page_classes(out, report);
  if (report.confusion) page_confusions(out, *report.confusion);
  if (report.calibration) page_calibration(out, *report.calibration);
  page_curve(out, report);
  page_worst(out, report);
  page_settings(out, report);
  return out + "</body>\n</html>\n";
}

}  // namespace stemma::tasks
