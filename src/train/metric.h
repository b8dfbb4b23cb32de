// One figure of a training step or of an evaluation under the name of its column in metrics.jsonl.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace stemma::train {

struct Metric {
  std::string name;  // "val_loss"
  double value = 0;  // not a number where nothing was measured

  bool operator==(const Metric&) const = default;
};

// Null where there is none of this name.
inline const Metric* find_metric(const std::vector<Metric>& metrics, std::string_view name) {
  for (const Metric& metric : metrics)
    if (metric.name == name) return &metric;
  return nullptr;
}

}  // namespace stemma::train
