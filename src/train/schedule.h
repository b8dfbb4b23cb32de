// The learning rate of each step of a run: it rises in a line (warm-up), then falls along half a
// cosine (Loshchilov and Hutter 2017) or in a line, or stays.
//
//   const Schedule schedule{.peak = 6e-4, .minimum = 6e-5, .warmup = 100, .steps = 2000};
//   schedule.at(50);  // 3e-4
#pragma once

#include <cstdint>
#include <string_view>

namespace stemma::train {

struct Schedule {
  enum class Shape : std::uint8_t { cosine, linear, constant };

  double peak = 0, minimum = 0;
  std::int64_t warmup = 0;  // steps
  std::int64_t steps = 0;   // of the whole run
  Shape shape = Shape::cosine;

  // step counts from 1. peak · step / warmup up to `warmup`; after it, of the way done = (step -
  // warmup) / (steps - warmup),
  //   cosine    minimum + (peak - minimum) · (1 + cos(π · done)) / 2
  //   linear    minimum + (peak - minimum) · (1 - done)
  //   constant  peak
  double at(std::int64_t step) const;
};

// Throws invalid_argument for another name.
Schedule::Shape schedule_named(std::string_view name);

}  // namespace stemma::train
