// metrics.jsonl of a run, and the picture of its loss. The columns that say what was learnt belong
// to the objective (train/objective.h); the others are the same for every run.
#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <vector>

#include "base/json.h"
#include "train/curve.h"
#include "train/metric.h"

namespace stemma::train {

struct StepMetrics {
  std::int64_t step = 0, tokens = 0;  // done so far
  double loss = 0;                    // of this step: the sum of the objective's losses
  std::vector<Metric> columns;        // the objective's own
  double lr = 0, grad_norm = 0;
  double tokens_per_s = 0;   // of this step
  double share_of_peak = 0;  // model FLOP/s ÷ measured peak of the multiply type
  double seconds = 0;        // since the run began, earlier sessions included
};

struct EvaluationMetrics {
  std::int64_t step = 0, tokens = 0;
  std::vector<Metric> columns;  // the objective's own, `val_loss` among them
};

// Appends lines; one line is one write, so a killed process leaves whole lines and at most one
// part.
class MetricsLog {
 public:
  // Opens run/metrics.jsonl for appending, after cutting away what stands after `last_step` (a run
  // that goes on from an older checkpoint) and a torn last line. Throws device; corrupt when a line
  // before the last one is no metrics object.
  MetricsLog(const std::filesystem::path& run, std::int64_t last_step);

  // Throw device when the line cannot be written.
  void write(const StepMetrics& metrics);
  void write(const EvaluationMetrics& metrics);

  double seconds_before() const { return seconds_before_; }  // of the sessions before this one

  // Draws loss.svg in the run folder from all steps and evaluations so far. Throws device.
  void draw() const;

 private:
  void keep_until(std::int64_t last_step);
  void note(const Json& line);
  void append(const Json& line);

  std::filesystem::path folder_;
  std::ofstream file_;
  std::vector<CurvePoint> losses_, evaluations_;
  double seconds_before_ = 0;
};

}  // namespace stemma::train
