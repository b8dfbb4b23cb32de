// The learning rate of each step of a run: it rises in a line (warm-up), then falls along half a
// cosine (Loshchilov and Hutter 2017).
//
//   const Schedule schedule{.peak = 6e-4, .minimum = 6e-5, .warmup = 100, .steps = 2000};
//   schedule.at(50);  // 3e-4
#pragma once

#include <cstdint>

namespace stemma::train {

struct Schedule {
  double peak = 0, minimum = 0;
  std::int64_t warmup = 0;  // steps
  std::int64_t steps = 0;   // of the whole run

  // step counts from 1. peak · step / warmup up to `warmup`, then minimum + (peak - minimum) · (1 +
  // cos(π · (step - warmup) / (steps - warmup))) / 2, which is `minimum` at the last step.
  double at(std::int64_t step) const;
};

}  // namespace stemma::train
