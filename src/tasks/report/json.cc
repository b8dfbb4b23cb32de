#include <limits>

#include "tasks/report/report.h"
#include "tasks/report/show.h"
#include "tasks/report/summary.h"

namespace stemma::tasks {
namespace {

constexpr std::size_t kJsonTextCharacters = 2000;

Json json_of(const Scores& scores) {
  return Json::object({{"precision", scores.precision},
                       {"recall", scores.recall},
                       {"f1", scores.f1},
                       {"support", scores.support}});
}

Json json_of(const std::vector<std::pair<std::string, std::string>>& rows) {
  // As a list: two rows may have one name.
  Json list = Json::array();
  for (const auto& [key, value] : rows)
    list.push_back(Json::object({{"name", key}, {"value", value}}));
  return list;
}

void set_figures(Json& out, const Report& report) {
  Json intervals = Json::object(), errors = Json::object(), changed = Json::object();
  for (const Figure& figure : report.figures) {
    if (!is_of_calibration(figure.name)) out.set(figure.name, figure.value);
    if (!figure.interval) continue;
    intervals.set(figure.name, Json::array({figure.interval->low, figure.interval->high}));
    errors.set(figure.name, figure.interval->standard_error);
  }
  for (const Figure& figure : report.changed) changed.set(figure.name, figure.value);
  if (!intervals.as_object().empty()) {
    out.set("intervals", std::move(intervals));
    out.set("standard_errors", std::move(errors));
  }
  if (!report.changed.empty()) out.set("under_small_changes", std::move(changed));
}

void set_classes(Json& out, const Report& report) {
  if (!report.classes.empty()) {
    Json::Object classes;
    for (const NamedScores& of_class : report.classes)
      classes.emplace_back(of_class.name, json_of(of_class.scores));
    out.set("classes", Json::from_members(std::move(classes)));
  }
  if (!report.averages) return;
  Json averages = Json::object({{"micro", json_of(report.averages->micro)},
                                {"macro", json_of(report.averages->macro)},
                                {"weighted", json_of(report.averages->weighted)}});
  if (report.samples) averages.set("samples", json_of(*report.samples));
  out.set("averages", std::move(averages));
}

Json json_of(const ConfusionMatrix& matrix) {
  Json labels = Json::array(), counts = Json::array();
  for (std::size_t g = 0; g < matrix.labels.size(); ++g) {
    labels.push_back(matrix.labels[g]);
    Json row = Json::array();
    for (std::size_t p = 0; p < matrix.labels.size(); ++p) row.push_back(matrix.at(g, p));
    counts.push_back(std::move(row));
  }
  return Json::object({{"labels", std::move(labels)}, {"counts", std::move(counts)}});
}

Json json_of(const Calibration& calibration) {
  Json bins = Json::array();
  for (std::size_t b = 0; b < kCalibrationBins; ++b) {
    const CalibrationBin& bin = calibration.bins[b];
    const double width = static_cast<double>(kCalibrationBins);
    const double none = std::numeric_limits<double>::quiet_NaN();  // null
    bins.push_back(Json::object({{"above", static_cast<double>(b) / width},
                                 {"to", static_cast<double>(b + 1) / width},
                                 {"count", bin.count},
                                 {"confidence", bin.count == 0 ? none : bin.confidence},
                                 {"accuracy", bin.count == 0 ? none : bin.accuracy}}));
  }
  return Json::object({{"ece", calibration.ece},
                       {"brier", calibration.brier},
                       {"log_loss", calibration.log_loss},
                       {"bins", std::move(bins)}});
}

Json seeds_as_json(const Report& report) {
  Json figures = Json::object(), seeds = Json::array();
  for (std::uint64_t seed : report.seeds) seeds.push_back(std::to_string(seed));
  for (const SeedFigure& figure : report.seed_figures) {
    const MeanAndDeviation of_figure = mean_and_deviation(figure.values);
    Json values = Json::array();
    for (double value : figure.values) values.push_back(value);
    figures.set(figure.name, Json::object({{"mean", of_figure.mean},
                                           {"deviation", of_figure.deviation},
                                           {"values", std::move(values)}}));
  }
  return Json::object({{"values", std::move(seeds)}, {"figures", std::move(figures)}});
}

void set_lists(Json& out, const Report& report) {
  Json worst = Json::array(), settings = Json::array(), curve = Json::array();
  for (const Mistake& m : report.worst)
    worst.push_back(Json::object({{"place", m.place},
                                  {"gold", show::cut(m.gold, kJsonTextCharacters)},
                                  {"predicted", show::cut(m.predicted, kJsonTextCharacters)},
                                  {"confidence", m.confidence},
                                  {"text", show::cut(m.text, kJsonTextCharacters)}}));
  for (const Settings& group : report.settings)
    settings.push_back(Json::object({{"title", group.title}, {"rows", json_of(group.rows)}}));
  for (const TrainingPoint& p : report.curve) {
    Json point = Json::object({{"step", p.step}});
    if (p.loss) point.set("loss", *p.loss);
    if (p.dev_metric) point.set("dev", *p.dev_metric);
    curve.push_back(std::move(point));
  }
  Json notes = Json::array();
  for (const std::string& note : report.notes) notes.push_back(note);
  out.set("worst", std::move(worst));
  if (!report.settings.empty()) out.set("settings", std::move(settings));
  if (!report.curve.empty())
    out.set("curve", Json::object({{"dev_metric", report.dev_metric}, {"points", curve}}));
  out.set("notes", std::move(notes));
}

}  // namespace

Json to_json(const Report& report) {
  Json data = Json::array();
  for (const DataSet& set : report.data)
    data.push_back(
        Json::object({{"split", set.split}, {"name", set.name}, {"examples", set.examples}}));
  Json out = Json::object({{"task", report.task},
                           {"model", report.model},
                           {"split", report.split},
                           {"data", std::move(data)}});
  if (!report.counts.empty()) out.set("counts", json_of(report.counts));
  set_figures(out, report);
  set_classes(out, report);
  if (report.confusion) out.set("confusion_matrix", json_of(*report.confusion));
  if (report.calibration) out.set("calibration", json_of(*report.calibration));
  if (!report.seed_figures.empty()) out.set("seeds", seeds_as_json(report));
  set_lists(out, report);
  return out;
}

}  // namespace stemma::tasks
