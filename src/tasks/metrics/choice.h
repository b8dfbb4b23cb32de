// Multiple choice: which of the offered answers is right. Labels have no meaning of their own (the
// second answer of one question has nothing to do with the second of another), so there is one
// figure, the accuracy.
//
//   find_figure(evaluate_choice(gold, predicted, {}), "accuracy").interval->low;
#pragma once

#include <span>
#include <vector>

#include "tasks/metrics/bootstrap.h"
#include "tasks/metrics/scores.h"

namespace stemma::tasks {

// gold, predicted [N]: places of the answers. Throws invalid_argument for none or two lengths.
std::vector<Figure> evaluate_choice(std::span<const int> gold, std::span<const int> predicted,
                                    const BootstrapSettings& settings);

}  // namespace stemma::tasks
