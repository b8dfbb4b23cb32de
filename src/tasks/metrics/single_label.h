// Figures of a classifier that gives each example one label: binary and multi-class classification,
// entailment, similarity as classes, tags of words.
//
//   const SingleLabelResult result = evaluate_single_label(
//       {.labels = names, .gold = gold, .predicted = predicted, .probabilities = p}, {});
//   find_figure(result.figures, "macro_f1").value;
//
// Figures equal scikit-learn's classification_report(labels=<all known labels>, zero_division=0):
// every label that training knows counts in macro, also one that no example here has. A label that
// training never saw has a line of its own (recall 0); its examples count as wrong in accuracy and
// as false answers of the labels they were given, but it is in no average. Matthews' coefficient is
// over all labels that occur.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "tasks/metrics/bootstrap.h"
#include "tasks/metrics/calibration.h"
#include "tasks/metrics/scores.h"

namespace stemma::tasks {

// Borrowed for the call. K labels, N examples.
struct SingleLabelAnswers {
  std::span<const std::string> labels;    // [K], all different: what training knows
  std::span<const int> gold;              // [N], 0 to K - 1, or -1: a label that it does not know
  std::span<const int> predicted;         // [N], 0 to K - 1
  std::span<const double> probabilities;  // [N, K] or empty
  std::span<const std::string> unseen;    // the names for the rows of gold -1, in their order
  // What intervals draw: consecutive examples that depend on each other, as the words of a sentence
  // do. [G + 1] ascending from 0 to N, group g begins at groups[g]; empty: each example by itself.
  std::span<const std::size_t> groups = {};
};

// counts[gold * labels.size() + predicted]
struct ConfusionMatrix {
  std::vector<std::string> labels;
  std::vector<std::int64_t> counts;
  std::int64_t at(std::size_t gold, std::size_t predicted) const {
    return counts[gold * labels.size() + predicted];
  }
};

struct SingleLabelResult {
  // accuracy, macro_f1, micro_f1, weighted_f1, matthews; with probabilities also ece, brier,
  // log_loss
  std::vector<Figure> figures;
  std::vector<NamedScores> classes;  // the known labels in their order, then unseen ones by name
  Averages averages;                 // over the known labels
  ConfusionMatrix confusion;         // labels as in `classes`
  std::optional<Calibration> calibration;
  std::vector<std::string> notes;  // what a reader of the figures has to know
};

// Throws invalid_argument where lengths or indices do not fit, two labels have one name, or there
// is no example.
SingleLabelResult evaluate_single_label(const SingleLabelAnswers& answers,
                                        const BootstrapSettings& settings);

}  // namespace stemma::tasks
