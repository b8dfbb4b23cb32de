// Figures of a model that gives each example a number: similarity as a score.
//
//   const RegressionResult result = evaluate_regression(gold, predicted, {});
//   find_figure(result.figures, "spearman").value;
//
// Pearson's and Spearman's coefficients equal scipy.stats.pearsonr and spearmanr; equal values
// share the mean of their ranks. Both are NaN where the gold or the predicted values are all the
// same.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "tasks/metrics/bootstrap.h"
#include "tasks/metrics/scores.h"

namespace stemma::tasks {

struct RegressionResult {
  std::vector<Figure> figures;  // pearson, spearman, mse, mae (the last two in the labels' unit)
  std::vector<std::string> notes;
};

// gold, predicted [N]. Throws invalid_argument for none, two lengths, or a value that is not
// finite.
RegressionResult evaluate_regression(std::span<const double> gold,
                                     std::span<const double> predicted,
                                     const BootstrapSettings& settings);

}  // namespace stemma::tasks
