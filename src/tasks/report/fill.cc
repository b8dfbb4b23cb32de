#include "tasks/report/fill.h"

#include <numeric>

namespace stemma::tasks {
namespace {

void add_notes(Report& report, const std::vector<std::string>& notes) {
  report.notes.insert(report.notes.end(), notes.begin(), notes.end());
}

}  // namespace

void add_figures(Report& report, const SingleLabelResult& result) {
  report.figures = result.figures;
  report.classes = result.classes;
  report.averages = result.averages;
  report.confusion = result.confusion;
  report.calibration = result.calibration;
  // With a label that training never saw the micro average is another figure than the accuracy.
  const std::vector<std::int64_t>& counts = result.confusion.counts;
  report.accuracy_line = std::accumulate(counts.begin(), counts.end(), std::int64_t{0}) ==
                         result.averages.micro.support;
  add_notes(report, result.notes);
}

void add_figures(Report& report, const MultiLabelResult& result) {
  report.figures = result.figures;
  report.classes = result.classes;
  report.averages = result.averages;
  report.samples = result.samples;
  add_notes(report, result.notes);
}

void add_figures(Report& report, const EntityResult& result) {
  report.figures = result.figures;
  report.classes = result.classes;
  report.averages = result.averages;
  add_notes(report, result.notes);
}

void add_figures(Report& report, const RegressionResult& result) {
  report.figures = result.figures;
  add_notes(report, result.notes);
}

void add_figures(Report& report, const std::vector<Figure>& figures) { report.figures = figures; }

}  // namespace stemma::tasks
