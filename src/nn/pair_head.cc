#include "nn/pair_head.h"

#include <vector>

#include <fmt/format.h>

#include "base/error.h"
#include "ops/cross_entropy.h"
#include "ops/gather_rows.h"

namespace stemma::nn {

Tensor Pooler::operator()(ops::Context& ctx, const Tensor& h, const Batch& batch) const {
  std::vector<std::int32_t> first;
  for (std::int64_t b = 0; b < batch.sequences(); ++b) {
    const auto at = static_cast<std::size_t>(b);
    if (batch.offsets[at] == batch.offsets[at + 1])
      throw Error(ErrorCode::invalid_argument,
                  fmt::format("[pooler] sequence {} has no tokens: it has no first one", b));
    first.push_back(static_cast<std::int32_t>(batch.offsets[at]));
  }
  return dense_(ctx, ops::gather_rows(ctx, h, first),
                {.activation = kernels::Activation::tanh, .residual = {}, .stream = false});
}

PairHead::PairHead(WeightSource& source, const std::string& name, std::int64_t channels, Init init)
    : weight_(source.load({name + ".weight", {kClasses, channels}, init, Role::matrix, {}})),
      bias_(source.load({name + ".bias", {kClasses}, Init::zeros(), Role::vector, {}}).value()) {}

Tensor PairHead::loss(ops::Context& ctx, const Tensor& pooled, std::span<const std::int32_t> labels,
                      double scale) const {
  return ops::cross_entropy(ctx, pooled, weight_, bias_, labels, scale);
}

Tensor PairHead::logits(ops::Context& ctx, const Tensor& pooled) const {
  return ops::linear(ctx, pooled, weight_, bias_, {.residual = {}, .stream = true});
}

}  // namespace stemma::nn
