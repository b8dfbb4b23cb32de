// The feed-forward sublayer of a block: residual + dropout(down(activation(up(x)))) (Vaswani et al.
// 2017, 3.3), and its gated form, residual + dropout(down(gate(x) · up(x))) (Shazeer 2020).
//
//   const FeedForwardOptions options{.channels = 768, .hidden = 3072};
//   FeedForward feed_forward(source, "blocks.0.feed_forward", 0, options);
//   x = feed_forward(pass, norm(pass.ctx, x), x);
#pragma once

#include <cstdint>
#include <string>

#include "nn/linear.h"
#include "nn/pass.h"
#include "ops/gated.h"

namespace stemma::nn {

struct FeedForwardOptions {
  std::int64_t channels = 0;  // C
  std::int64_t hidden = 0;    // F
  kernels::Activation activation = kernels::Activation::gelu_tanh;
  Init weight, down_weight;  // of the first matrix; of the one that writes to the residual stream
  float dropout = 0;
};

class FeedForward {
 public:
  FeedForward() = default;
  // Asks for `<name>.up` [F, C] and `<name>.down` [C, F].
  FeedForward(WeightSource& source, const std::string& name, std::int64_t layer,
              const FeedForwardOptions& options);

  // x [N, C] in the activation type, residual [N, C].
  Tensor operator()(const Pass& pass, const Tensor& x, const Tensor& residual) const;

 private:
  std::int64_t layer_ = 0;
  FeedForwardOptions options_;
  Linear up_, down_;
};

struct GatedFeedForwardOptions {
  std::int64_t channels = 0;  // C
  std::int64_t hidden = 0;    // F
  ops::Gate gate = ops::Gate::silu;
  Init weight, down_weight;
  float dropout = 0;
};

class GatedFeedForward {
 public:
  GatedFeedForward() = default;
  // Asks for `<name>.gate_up` [2 F, C], rows of the gate, then of up, and `<name>.down` [C, F]; no
  // biases.
  GatedFeedForward(WeightSource& source, const std::string& name, std::int64_t layer,
                   const GatedFeedForwardOptions& options);

  // x [N, C] in the activation type, residual [N, C].
  Tensor operator()(const Pass& pass, const Tensor& x, const Tensor& residual) const;

 private:
  std::int64_t layer_ = 0;
  GatedFeedForwardOptions options_;
  Linear gate_up_, down_;
};

}  // namespace stemma::nn
