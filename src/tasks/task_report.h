// The report of a task: its figures on labelled rows, with the confusions, the calibration and the
// worst mistakes that belong to it.
//
//   Report report = report_of(task, rows, answers, {.split = "test"});
#pragma once

#include <string>

#include "tasks/evaluation.h"
#include "tasks/report/report.h"
#include "tasks/task_data.h"

namespace stemma::tasks {

struct ReportOptions {
  std::string split = "test";
  std::size_t worst = 20;  // mistakes that are listed
  std::uint64_t seed = 0;  // of the bootstrap
};

// Figures with 95 % intervals, classes, confusions, calibration, worst mistakes. The caller adds
// what only it knows: the model's name, settings, the curve.
Report report_of(const TaskDescription& task, const TaskRows& rows, const Answers& answers,
                 const ReportOptions& options);

}  // namespace stemma::tasks
