#include "nn/token_head.h"

#include "ops/cross_entropy.h"
#include "ops/gather_rows.h"
#include "ops/linear.h"

namespace stemma::nn {

HeadTransform::HeadTransform(WeightSource& source, const std::string& name, const Options& options)
    : there_(true),
      activation_(options.activation),
      dense_(source, name + ".transform",
             {.out = options.channels, .in = options.channels, .parts = {}}, options.weight),
      norm_(source, name + ".norm", options.channels, options.norm_eps) {}

Tensor HeadTransform::operator()(ops::Context& ctx, const Tensor& h) const {
  // The norm reads the residual stream's type.
  return norm_(ctx, dense_(ctx, h, {.activation = activation_, .residual = {}, .stream = true}));
}

Tensor TokenHead::loss(ops::Context& ctx, const Tensor& h, std::span<const std::int32_t> targets,
                       double scale) const {
  if (!transform_) return ops::cross_entropy(ctx, h, weight_, bias_, targets, scale);
  std::vector<std::int32_t> rows, wanted;
  for (std::size_t i = 0; i < targets.size(); ++i) {
    if (targets[i] < 0) continue;
    rows.push_back(static_cast<std::int32_t>(i));
    wanted.push_back(targets[i]);
  }
  // All rows, or none: nothing to choose.
  if (rows.empty() || rows.size() == targets.size())
    return ops::cross_entropy(ctx, transform_(ctx, h), weight_, bias_, targets, scale);
  const Tensor chosen = transform_(ctx, ops::gather_rows(ctx, h, rows));
  return ops::cross_entropy(ctx, chosen, weight_, bias_, wanted, scale);
}

std::vector<double> TokenHead::token_losses(ops::Context& ctx, const Tensor& h,
                                            std::span<const std::int32_t> targets) const {
  return ops::token_losses(ctx, transformed(ctx, h), weight_, bias_, targets);
}

Tensor TokenHead::logits(ops::Context& ctx, const Tensor& h) const {
  return ops::linear(ctx, transformed(ctx, h), weight_, bias_, {.residual = {}, .stream = true});
}

}  // namespace stemma::nn
