#include "tasks/metrics/scores.h"

#include <fmt/format.h>

#include "base/error.h"

namespace stemma::tasks {
namespace {

double quotient(double above, double below) { return below == 0 ? 0 : above / below; }

}  // namespace

Scores scores_of(const Counts& counts) {
  const double correct = static_cast<double>(counts.correct);
  const double predicted = static_cast<double>(counts.predicted);
  const double gold = static_cast<double>(counts.gold);
  return {quotient(correct, predicted), quotient(correct, gold),
          quotient(2 * correct, predicted + gold), counts.gold};
}

Averages averages_of(std::span<const Counts> classes) {
  Averages averages;
  Counts all;
  for (const Counts& counts : classes) {
    all.correct += counts.correct;
    all.predicted += counts.predicted;
    all.gold += counts.gold;
    const Scores scores = scores_of(counts);
    const double support = static_cast<double>(counts.gold);
    averages.macro.precision += scores.precision;
    averages.macro.recall += scores.recall;
    averages.macro.f1 += scores.f1;
    averages.weighted.precision += support * scores.precision;
    averages.weighted.recall += support * scores.recall;
    averages.weighted.f1 += support * scores.f1;
  }
  averages.micro = scores_of(all);
  const auto divide = [&](Scores& scores, double by) {
    scores = {quotient(scores.precision, by), quotient(scores.recall, by), quotient(scores.f1, by),
              all.gold};
  };
  divide(averages.macro, static_cast<double>(classes.size()));
  divide(averages.weighted, static_cast<double>(all.gold));
  return averages;
}

const Figure& find_figure(std::span<const Figure> figures, std::string_view name) {
  std::string names;
  for (const Figure& figure : figures) {
    if (figure.name == name) return figure;
    names += (names.empty() ? "" : ", ") + figure.name;
  }
  throw Error(ErrorCode::not_found,
              fmt::format("[metrics] the figure must be one of {}; got '{}'", names, name));
}

}  // namespace stemma::tasks
