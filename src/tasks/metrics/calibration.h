// Whether a classifier's probabilities are what they say: of the answers given with 70 %, are 70 %
// right? Expected calibration error over 15 bins of equal width (Guo et al. 2017, "On Calibration
// of Modern Neural Networks", section 2), Brier score and log loss (both as scikit-learn).
//
//   const Calibration c = calibrate({.classes = 3, .probabilities = p, .gold = g, .predicted = y});
//   c.ece;  // mean over the answers of |share right - mean confidence| of their bin
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace stemma::tasks {

constexpr std::size_t kCalibrationBins = 15;

struct ProbableAnswers {
  std::size_t classes = 0;
  std::span<const double> probabilities;  // [N, classes], each 0 to 1
  std::span<const int> gold;              // [N], -1: none of the classes
  std::span<const int> predicted;         // [N]; its probability is the answer's confidence
};

// Answers whose confidence is above i / 15 and at most (i + 1) / 15 (bin 0: 0 too).
struct CalibrationBin {
  std::int64_t count = 0;
  double confidence = 0, accuracy = 0;  // means; 0 in an empty bin
};

struct Calibration {
  double ece = 0;
  // Mean over the rows of the sum of (probability - 1 or 0)^2; for two classes half of it, which is
  // the score of one of them. A gold label outside the classes is one that got probability 0.
  double brier = 0;
  // Mean of -log(probability of the gold label), each clipped to [2^-52, 1 - 2^-52].
  double log_loss = 0;
  std::array<CalibrationBin, kCalibrationBins> bins;
};

// What calibration needs to know of one row, so that resampling does not come back to [N, classes].
struct RowCalibration {
  std::size_t bin = 0;
  double confidence = 0, brier = 0, log_loss = 0;
  bool right = false;
};

// [N]. Throws invalid_argument for lengths that do not fit and for a probability that is none.
std::vector<RowCalibration> calibrate_rows(const ProbableAnswers& answers);
// times [N]: how often each row counts.
Calibration calibrate(std::span<const RowCalibration> rows, std::span<const std::uint32_t> times);
Calibration calibrate(const ProbableAnswers& answers);

}  // namespace stemma::tasks
