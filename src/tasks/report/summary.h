// What the three forms for people have in common: which confusions to name, which classes to draw,
// how a figure is called.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "tasks/report/report.h"

namespace stemma::tasks {

// What a figure of Report::changed has behind its name where it stands among others.
inline constexpr std::string_view kUnderSmallChanges = "_under_small_changes";

// "macro_f1" -> "macro F1"; an unknown name with blanks, as show::cut() leaves it.
std::string title_of(std::string_view figure);

// Of `figures`, the one of that name, or null.
const Figure* figure_named(const std::vector<Figure>& figures, std::string_view name);

// Whether it is one of those that lie under `calibration` in report.json.
bool is_of_calibration(std::string_view figure);

struct Confusion {
  std::size_t gold = 0, predicted = 0;
  std::int64_t count = 0;
};
// The most frequent wrong cells, most frequent first, at most `most`.
std::vector<Confusion> frequent_confusions(const ConfusionMatrix& matrix, std::size_t most);

// The classes with most errors (rows of theirs that are wrong, and others' that were given them),
// in the order of the labels; all when there are no more than `most`.
std::vector<std::size_t> classes_with_most_errors(const ConfusionMatrix& matrix, std::size_t most);

struct MeanAndDeviation {
  double mean = 0, deviation = 0;  // n - 1; 0 for one value
};
MeanAndDeviation mean_and_deviation(const std::vector<double>& values);

// "0.8412 [0.8120, 0.8690]"
std::string with_interval(const Figure& figure);

}  // namespace stemma::tasks
