// Figures of a classifier that gives each example any number of labels, also none.
//
//   const MultiLabelResult result = evaluate_multi_label(
//       {.labels = names, .gold = gold, .predicted = predicted}, {});
//   find_figure(result.figures, "samples_f1").value;
//
// Figures equal scikit-learn's classification_report on indicator rows with zero_division=0: all
// known labels count in the averages; `samples` is the mean over the examples of the scores between
// their two sets of labels, 0 where both sets are empty.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "tasks/metrics/bootstrap.h"
#include "tasks/metrics/scores.h"

namespace stemma::tasks {

// A label that training never saw, on one row.
struct UnseenLabel {
  std::size_t row = 0;
  std::string name;
};

// Borrowed for the call. K labels, N examples.
struct MultiLabelAnswers {
  std::span<const std::string> labels;       // [K], all different
  std::span<const std::uint8_t> gold;        // [N, K], 0 or 1
  std::span<const std::uint8_t> predicted;   // [N, K], 0 or 1
  std::span<const UnseenLabel> unseen = {};  // they make their row wrong, and are in no average
};

struct MultiLabelResult {
  // accuracy (the share of examples all of whose labels are right), macro_f1, micro_f1,
  // weighted_f1, samples_f1
  std::vector<Figure> figures;
  std::vector<NamedScores> classes;  // the known labels in their order, then unseen ones by name
  Averages averages;
  Scores samples;
  std::vector<std::string> notes;
};

// Throws invalid_argument where lengths or rows do not fit, two labels have one name, or there is
// no example.
MultiLabelResult evaluate_multi_label(const MultiLabelAnswers& answers,
                                      const BootstrapSettings& settings);

}  // namespace stemma::tasks
