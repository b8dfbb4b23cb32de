// How a sublayer ends: it adds its result to the residual stream, residual + dropout(layer(x)).
// Also the numbers of the places in a model where dropout draws.
#pragma once

#include <cstdint>

#include "nn/linear.h"
#include "nn/pass.h"

namespace stemma::nn {

// Where masks are drawn: a part of the random numbers' counter (base/philox.h), so that each place
// draws its own. 0 is the embedding; a block has three.
enum class DropoutSite : std::uint32_t { attention_weights = 1, attention_out, feed_forward_out };
constexpr std::uint32_t kEmbeddingSite = 0;
constexpr std::uint32_t site_of(std::int64_t layer, DropoutSite site) {
  constexpr std::uint32_t kSitesPerBlock = 3;
  return static_cast<std::uint32_t>(layer) * kSitesPerBlock + static_cast<std::uint32_t>(site);
}

// residual + dropout(layer(x)); without dropout one fused product. x [N, in], residual [N, out].
Tensor add_to_stream(const Pass& pass, const Linear& layer, const Tensor& x, const Tensor& residual,
                     float dropout, std::uint32_t site);

}  // namespace stemma::nn
