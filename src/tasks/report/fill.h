// Puts the results of an evaluation into a report: figures, classes, averages, confusion matrix,
// calibration and notes. The caller adds what only it knows.
//
//   add_figures(report, evaluate_entities(sentences, {}));
#pragma once

#include <vector>

#include "tasks/metrics/entities.h"
#include "tasks/metrics/multi_label.h"
#include "tasks/metrics/regression.h"
#include "tasks/metrics/single_label.h"
#include "tasks/report/report.h"

namespace stemma::tasks {

void add_figures(Report& report, const SingleLabelResult& result);
void add_figures(Report& report, const MultiLabelResult& result);
void add_figures(Report& report, const EntityResult& result);
void add_figures(Report& report, const RegressionResult& result);
void add_figures(Report& report, const std::vector<Figure>& figures);

}  // namespace stemma::tasks
