// The exponentials of a row of logits, on the host: what choosing a token and saying its
// log-probability begin with. One pass of vector instructions over the vocabulary, where a loop
// over std::exp would take longer than a small model's layer.
//
//   std::vector<float> weights(logits.size());
//   const double sum = token_weights(logits, highest, 1 / temperature, weights);
//   const double probability = weights[id] / sum;
#pragma once

#include <span>

namespace stemma::kernels {

// weights[i] = exp((scores[i] - highest) · factor), and their sum, in an order that depends on
// kernel_path() alone. highest: of all scores; a score may be minus infinity, whose weight is 0.
// scores and weights [V], which may be the same memory. Any thread.
double token_weights(std::span<const float> scores, float highest, float factor,
                     std::span<float> weights);

}  // namespace stemma::kernels
