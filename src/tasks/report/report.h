// What is known of a fine-tuned model after it answered a labelled data set, and how it is shown:
// report.json for programs, report.md and report.html for people, a table for the terminal.
//
//   Report report;
//   report.task = "classification", report.split = "test", ...
//   add_figures(report, evaluate_single_label(answers, {}));      // report/fill.h
//   report.worst = worst_mistakes(answers, 20, example);
//   write_report("runs/emails", report);
//   std::fputs(to_text(report).c_str(), stdout);
//
// Labels and texts come from users' data, so whatever bytes they hold, each form stays well formed:
// markup is escaped, control characters and marks that turn the direction of writing are shown by
// number, long texts are cut at a character with the number of bytes left out. No part of a report
// depends on the time or the machine: equal input, equal bytes.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/json.h"
#include "tasks/metrics/mistakes.h"
#include "tasks/metrics/scores.h"
#include "tasks/metrics/single_label.h"

namespace stemma::tasks {

struct DataSet {
  std::string split;  // "train", "dev", "test"
  std::string name;   // "data/test.csv"
  std::int64_t examples = 0;
};

struct Settings {
  std::string title;  // "Training", "Data"
  std::vector<std::pair<std::string, std::string>> rows;
};

struct TrainingPoint {
  std::int64_t step = 0;
  std::optional<double> loss, dev_metric;
};

// One figure of several runs that differ in the seed only.
struct SeedFigure {
  std::string name;
  std::vector<double> values;  // in the order of Report::seeds
};

struct Report {
  std::string task, model;
  std::string split;  // of which data set the figures are
  std::vector<DataSet> data;
  std::vector<std::pair<std::string, std::string>> counts;  // "texts cut at 512 tokens", "12"

  std::vector<Figure> figures;
  // The same figures, by name, of texts with small changes (typos, casing, spacing). May be empty.
  std::vector<Figure> changed;
  std::vector<NamedScores> classes;
  std::optional<Averages> averages;
  std::optional<Scores> samples;  // the mean over examples of several labels
  bool accuracy_line = false;     // the table shows the accuracy instead of the equal micro average
  std::optional<ConfusionMatrix> confusion;
  std::optional<Calibration> calibration;
  std::vector<Mistake> worst;

  std::vector<std::uint64_t> seeds;
  std::vector<SeedFigure> seed_figures;
  std::vector<Settings> settings;
  std::vector<TrainingPoint> curve;
  std::string dev_metric;  // the name of TrainingPoint::dev_metric
  std::vector<std::string> notes;
};

// Keys: split, task, model, data, counts; each figure by its name (scores 0 to 1; NaN is null),
// those of probabilities in `calibration`; classes {name: {precision, recall, f1, support}};
// averages; confusion_matrix {labels, counts [gold][predicted]}; intervals {figure: [low, high]}
// and standard_errors {figure: value}; under_small_changes; seeds {values, figures {name: {mean,
// deviation, values}}}; worst; settings; curve {dev_metric, points: [{step, loss, dev}]}; notes.
// What a report does not have is absent.
Json to_json(const Report& report);
std::string to_markdown(const Report& report);
// One file without scripts that asks for nothing; light or dark as the reader's system.
std::string to_html(const Report& report);
// scikit-learn's classification_report with four digits, the confusion matrix (from 13 classes on
// the most frequent confusions), calibration and notes.
std::string to_text(const Report& report);

inline constexpr const char* kReportFile = "report.json";

// Writes report.json, report.md and report.html, each whole or not at all. Throws device.
void write_report(const std::filesystem::path& folder, const Report& report);

}  // namespace stemma::tasks
