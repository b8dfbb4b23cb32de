#include "tasks/metrics/calibration.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include <fmt/format.h>

#include "base/error.h"
#include "tasks/metrics/sum.h"

namespace stemma::tasks {
namespace {

constexpr double kBins = static_cast<double>(kCalibrationBins);

std::size_t bin_of(double confidence) {
  std::size_t bin = std::min(static_cast<std::size_t>(confidence * kBins), kCalibrationBins - 1);
  while (bin > 0 && confidence <= static_cast<double>(bin) / kBins) --bin;
  while (bin + 1 < kCalibrationBins && confidence > static_cast<double>(bin + 1) / kBins) ++bin;
  return bin;
}

void check_probable_answers(const ProbableAnswers& answers) {
  const std::size_t n = answers.gold.size();
  if (answers.predicted.size() != n || answers.probabilities.size() != n * answers.classes)
    throw Error(ErrorCode::invalid_argument,
                fmt::format("[metrics] {} gold labels need as many predicted ones and {} "
                            "probabilities, got {} and {}",
                            n, n * answers.classes, answers.predicted.size(),
                            answers.probabilities.size()));
  for (std::size_t i = 0; i < answers.probabilities.size(); ++i) {
    const double p = answers.probabilities[i];
    if (!(p >= 0 && p <= 1 + 1e-6))
      throw Error(ErrorCode::invalid_argument,
                  fmt::format("[metrics] a probability must lie between 0 and 1, row {} has {} for "
                              "class {}",
                              i / answers.classes, p, i % answers.classes));
  }
  const int classes = static_cast<int>(answers.classes);
  for (std::size_t row = 0; row < n; ++row)
    if (answers.gold[row] < -1 || answers.gold[row] >= classes || answers.predicted[row] < 0 ||
        answers.predicted[row] >= classes)
      throw Error(ErrorCode::invalid_argument,
                  fmt::format("[metrics] row {}: labels must lie between 0 and {} (gold: or -1), "
                              "got gold {} and predicted {}",
                              row, classes - 1, answers.gold[row], answers.predicted[row]));
}

}  // namespace

std::vector<RowCalibration> calibrate_rows(const ProbableAnswers& answers) {
  check_probable_answers(answers);
  constexpr double kLeast = std::numeric_limits<double>::epsilon();
  std::vector<RowCalibration> rows(answers.gold.size());
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const auto p = answers.probabilities.subspan(i * answers.classes, answers.classes);
    const int gold = answers.gold[i];
    RowCalibration& row = rows[i];
    row.confidence = std::min(p[static_cast<std::size_t>(answers.predicted[i])], 1.0);
    row.bin = bin_of(row.confidence);
    row.right = answers.predicted[i] == gold;
    Sum squares;
    for (std::size_t k = 0; k < p.size(); ++k) {
      const double off = p[k] - (static_cast<int>(k) == gold ? 1 : 0);
      squares.add(off * off);
    }
    if (gold < 0) squares.add(1);
    row.brier = squares.value() * (answers.classes == 2 ? 0.5 : 1);
    const double of_gold = gold < 0 ? 0 : p[static_cast<std::size_t>(gold)];
    row.log_loss = -std::log(std::clamp(of_gold, kLeast, 1 - kLeast));
  }
  return rows;
}

Calibration calibrate(std::span<const RowCalibration> rows, std::span<const std::uint32_t> times) {
  std::array<Sum, kCalibrationBins> confidence;
  std::array<std::int64_t, kCalibrationBins> right{};
  Sum brier, loss;
  Calibration result;
  std::int64_t all = 0;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const RowCalibration& row = rows[i];
    const double weight = static_cast<double>(times[i]);
    result.bins[row.bin].count += times[i];
    right[row.bin] += row.right ? times[i] : 0;
    confidence[row.bin].add(weight * row.confidence);
    brier.add(weight * row.brier);
    loss.add(weight * row.log_loss);
    all += times[i];
  }
  const double n = static_cast<double>(std::max<std::int64_t>(all, 1));
  for (std::size_t b = 0; b < kCalibrationBins; ++b) {
    CalibrationBin& bin = result.bins[b];
    if (bin.count == 0) continue;
    const double count = static_cast<double>(bin.count);
    bin.confidence = confidence[b].value() / count;
    bin.accuracy = static_cast<double>(right[b]) / count;
    result.ece += std::abs(bin.accuracy - bin.confidence) * count / n;
  }
  result.brier = brier.value() / n;
  result.log_loss = loss.value() / n;
  return result;
}

Calibration calibrate(const ProbableAnswers& answers) {
  const std::vector<RowCalibration> rows = calibrate_rows(answers);
  return calibrate(rows, std::vector<std::uint32_t>(rows.size(), 1u));
}

}  // namespace stemma::tasks
