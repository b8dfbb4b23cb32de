// The optimiser of a run: AdamW over all parameters of a model (Loshchilov and Hutter 2019), with
// weight decay on matrices only, and the gradient clipped by its norm over all parameters.
//
//   AdamW optimizer(parameters, {.weight_decay = 0.1});
//   const double norm = optimizer.step(stream, schedule.at(step), step);
#pragma once

#include <cstdint>
#include <functional>
#include <string_view>
#include <vector>

#include "checkpoint/safetensors_writer.h"
#include "device/stream.h"
#include "nn/parameters.h"

namespace stemma::train {

struct AdamWOptions {
  double beta1 = 0.9, beta2 = 0.95, eps = 1e-8, weight_decay = 0.1;
  double clip = 1.0;  // largest norm of the whole gradient; 0: no clipping
  // What the learning rate of a parameter is multiplied by (discriminative rates, Howard and Ruder
  // 2018, 3.2); empty: 1.
  std::function<double(std::string_view name)> rate_factor = {};
};

class AdamW {
 public:
  // `parameters` must outlive the optimiser.
  AdamW(nn::Parameters& parameters, const AdamWOptions& options);

  // One update (step counts from 1); gradients are zero afterwards. Returns the norm of the
  // gradient before clipping. A norm that is not finite changes nothing, the gradients included.
  double step(Stream& stream, double lr, std::int64_t step);
  // What a gradient of that norm is multiplied by: clipping.
  double gradient_scale(double norm) const;

  // The moments as "m.<name>" and "v.<name>", views of this object's memory.
  std::vector<checkpoint::NamedTensor> state() const;
  // Throws corrupt when a moment is missing or has another shape.
  void restore(const std::vector<checkpoint::NamedTensor>& state);

 private:
  // Neighbouring parameters that are updated alike.
  struct Stretch {
    std::size_t begin = 0, count = 0;
    double decay = 0, rate_factor = 1;
  };
  void plan();

  nn::Parameters& parameters_;
  AdamWOptions options_;
  std::vector<Stretch> stretches_;
  Tensor m_, v_;
};

}  // namespace stemma::train
