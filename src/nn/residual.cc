#include "nn/residual.h"

#include "ops/dropout.h"

namespace stemma::nn {

Tensor add_to_stream(const Pass& pass, const Linear& layer, const Tensor& x, const Tensor& residual,
                     float dropout, std::uint32_t site) {
  if (dropout == 0 || !pass.ctx.training()) return layer(pass, x, {.residual = residual});
  const Tensor y = layer(pass, x, {.residual = {}, .stream = true});
  return ops::dropout(pass.ctx, pass.batch, y, residual, dropout, site);
}

}  // namespace stemma::nn
