// Reports to show: of three classes with everything that a report can have, and of many classes.
#pragma once

#include <cmath>
#include <string>
#include <vector>

#include "base/philox.h"
#include "tasks/report/fill.h"

namespace report_samples {

using namespace stemma::tasks;

// Answers of a made-up model that is right in about 80 %.
struct Answers {
  std::vector<std::string> labels;
  std::vector<int> gold, predicted;
  std::vector<double> probabilities;
  SingleLabelAnswers view() const { return {labels, gold, predicted, probabilities, {}}; }
};

inline Answers answers(std::vector<std::string> labels, std::size_t n) {
  const std::size_t k = labels.size();
  Answers made{std::move(labels), {}, {}, {}};
  for (std::size_t i = 0; i < n; ++i) {
    const std::uint32_t row = static_cast<std::uint32_t>(i);
    const auto words = stemma::philox(stemma::philox_key(3), {row, 0, 0, 0});
    const std::size_t gold = words[0] % k;
    const bool right = words[1] % 10 < 8;
    const std::size_t predicted = right ? gold : (gold + 1 + words[2] % (k < 4 ? k : 3)) % k;
    const double sure = 0.4 + 0.59 * std::sqrt(stemma::philox_uniform(words[3]));
    made.gold.push_back(static_cast<int>(gold));
    made.predicted.push_back(static_cast<int>(predicted));
    for (std::size_t j = 0; j < k; ++j)
      made.probabilities.push_back(j == predicted ? sure : (1 - sure) / static_cast<double>(k - 1));
  }
  return made;
}

inline Example example(std::size_t row) {
  return {"The shares of the company rose by " + std::to_string(row) +
              " % after it had said that sales would be higher than last year's.",
          "test.csv:" + std::to_string(row + 2),
          {}};
}

inline Report report(const Answers& made) {
  Report report;
  report.task = "classification";
  report.model = "runs/phrases (all-MiniLM-L6-v2, LoRA)";
  report.split = "test";
  report.data = {{"train", "train.csv", 3876}, {"test", "test.csv", 970}};
  report.counts = {{"texts cut at 512 tokens", "3"}};
  add_figures(report, evaluate_single_label(made.view(), {.resamples = 100}));
  report.worst = worst_mistakes(made.view(), 12, example);
  for (int step = 0; step <= 600; step += 2) {
    const double loss = 1.1 * std::exp(-step / 150.0) + 0.1 + 0.05 * std::sin(step * 0.9);
    report.curve.push_back({step, loss, {}});
    if (step % 100 == 0 && step > 0)
      report.curve.back().dev_metric = 0.85 - 0.3 * std::exp(-step / 120.0);
  }
  report.dev_metric = "macro_f1";
  report.settings = {{"Training", {{"learning rate", "2e-5"}, {"batch", "16"}, {"epochs", "5"}}}};
  return report;
}

// With small changes and seeds too.
inline Report three_classes() {
  Report full = report(answers({"negative", "neutral", "positive"}, 970));
  full.changed = {{"accuracy", 0.7512, {}}, {"macro_f1", 0.7401, {}}};
  full.seeds = {1, 2, 3};
  full.seed_figures = {{"accuracy", {0.80, 0.81, 0.82}}, {"macro_f1", {0.79, 0.80, 0.81}}};
  return full;
}

inline Report many_classes() {
  std::vector<std::string> labels;
  for (int k = 0; k < 77; ++k)
    labels.push_back((k % 2 == 0 ? "card payment fee charged " : "transfer ") + std::to_string(k));
  return report(answers(labels, 3080));
}

}  // namespace report_samples
