#include "tasks/metrics/choice.h"

#include <string>

#include <fmt/format.h>

#include "base/error.h"

namespace stemma::tasks {

std::vector<Figure> evaluate_choice(std::span<const int> gold, std::span<const int> predicted,
                                    const BootstrapSettings& settings) {
  if (gold.size() != predicted.size())
    throw Error(
        ErrorCode::invalid_argument,
        fmt::format("[metrics] there must be as many predicted answers as gold ones, got {} "
                    "and {}",
                    predicted.size(), gold.size()));
  const std::vector<std::string> names = {"accuracy"};
  return figures_with_intervals(gold.size(), names, settings, [&](auto times, auto figures) {
    std::int64_t right = 0;
    for (std::size_t i = 0; i < times.size(); ++i) right += gold[i] == predicted[i] ? times[i] : 0;
    figures[0] = static_cast<double>(right) / static_cast<double>(times.size());
  });
}

}  // namespace stemma::tasks
