// Precision, recall and F1 from counts, as scikit-learn and seqeval define them; what the figures
// of every task are made of. Where a quotient has nothing below its line, it is 0 (scikit-learn's
// `zero_division=0`).
//
//   const std::vector<Counts> classes = {{.correct = 3, .predicted = 4, .gold = 5}, ...};
//   averages_of(classes).macro.f1;
//
// Everything in this folder is a pure function in f64, on one thread, whose sums run in the order
// of the rows: equal input, equal bits.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace stemma::tasks {

// Of one class: examples (or entities) that have it and were given it, were given it, have it.
struct Counts {
  std::int64_t correct = 0, predicted = 0, gold = 0;
};

struct Scores {
  double precision = 0, recall = 0, f1 = 0;
  std::int64_t support = 0;  // how many have the class
};

struct NamedScores {
  std::string name;
  Scores scores;
};

// micro: of the summed counts. macro: the plain mean over the classes. weighted: the mean by
// support.
struct Averages {
  Scores micro, macro, weighted;
};

Scores scores_of(const Counts& counts);
// Over all of `classes`, those without an example too.
Averages averages_of(std::span<const Counts> classes);

// Where a figure lies in 95 of 100 resamples, and its standard deviation over them (bootstrap.h).
// NaN where it has no value in any.
struct Interval {
  double low = 0, high = 0, standard_error = 0;
};

// One figure by its key in report.json: "accuracy", "macro_f1", ... NaN: it has no value here.
struct Figure {
  std::string name;
  double value = 0;
  std::optional<Interval> interval;
};

// The figure of that name. Throws not_found naming those that there are.
const Figure& find_figure(std::span<const Figure> figures, std::string_view name);

}  // namespace stemma::tasks
