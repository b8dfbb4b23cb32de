// The report of a task: its figures on labelled rows, with the confusions, the calibration and the
// worst mistakes that belong to it.
//
//   Report report = report_of(task, rows, answers, {.split = "test"});
//   add_small_changes(report, task, rows, [&](const auto& changed) { return model.answer(changed);
//   });
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "tasks/evaluation.h"
#include "tasks/report/report.h"
#include "tasks/task_data.h"

namespace stemma::tasks {

struct ReportOptions {
  std::string split = "test";
  std::size_t worst = 20;  // mistakes that are listed
  std::uint64_t seed = 0;  // of the bootstrap
  int resamples = 1000;    // of it; 0: figures without intervals
};

// Figures with 95 % intervals, classes, confusions, calibration, worst mistakes. The caller adds
// what only it knows: the model's name, settings, the curve.
Report report_of(const TaskDescription& task, const TaskRows& rows, const Answers& answers,
                 const ReportOptions& options);

// What a model answers on these rows.
using AnswerRows = std::function<Answers(const std::vector<labelled::Row>&)>;

// Puts beside the clean figures those of the same rows with small changes (small_changes.h, seed
// 0): report.changed has one kind of them in each row, and a note says the task's main figure with
// each kind in all rows. Answers the rows three times.
void add_small_changes(Report& report, const TaskDescription& task, const TaskRows& rows,
                       const AnswerRows& answer);

}  // namespace stemma::tasks
