#include "nn/token_head.h"

#include "ops/cross_entropy.h"
#include "ops/linear.h"

namespace stemma::nn {

Tensor TokenHead::loss(ops::Context& ctx, const Tensor& h, std::span<const std::int32_t> targets,
                       double scale) const {
  return ops::cross_entropy(ctx, h, weight_, bias_, targets, scale);
}

std::vector<double> TokenHead::token_losses(ops::Context& ctx, const Tensor& h,
                                            std::span<const std::int32_t> targets) const {
  return ops::token_losses(ctx, h, weight_, bias_, targets);
}

Tensor TokenHead::logits(ops::Context& ctx, const Tensor& h) const {
  return ops::linear(ctx, h, weight_, bias_, {.residual = {}, .stream = true});
}

}  // namespace stemma::nn
