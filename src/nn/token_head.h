// Turns hidden states into scores of tokens, logits = h Wᵀ + bias, and those into a loss.
//
//   const Tensor loss = model->head().loss(ctx, h, batch.targets, 1.0 / tokens);
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "ops/context.h"
#include "tensor/weight.h"

namespace stemma::nn {

class TokenHead {
 public:
  TokenHead() = default;
  // weight [V, C], the token embedding where the head is tied to it; bias [V] or empty.
  TokenHead(Weight weight, Tensor bias) : weight_(std::move(weight)), bias_(std::move(bias)) {}

  // scale · Σ negative log-likelihood of targets (ops/cross_entropy.h): a root of the tape.
  // h [N, C]; targets [N], -1 for none.
  Tensor loss(ops::Context& ctx, const Tensor& h, std::span<const std::int32_t> targets,
              double scale) const;
  // The negative log-likelihood of each target, 0 for none. Inference only.
  std::vector<double> token_losses(ops::Context& ctx, const Tensor& h,
                                   std::span<const std::int32_t> targets) const;
  // [N, V] f32.
  Tensor logits(ops::Context& ctx, const Tensor& h) const;

 private:
  Weight weight_;
  Tensor bias_;
};

}  // namespace stemma::nn
