// The norms of a model with their learned parameters: layer normalisation (gain and bias) and
// RMSNorm (gain only).
//
//   LayerNorm norm(source, "blocks.0.norm1", 768, 1e-5);
//   const Tensor y = norm(ctx, x);
#pragma once

#include <cstdint>
#include <string>

#include "nn/weight_source.h"
#include "ops/layer_norm.h"
#include "ops/rms_norm.h"

namespace stemma::nn {

class LayerNorm {
 public:
  LayerNorm() = default;
  // Asks for `<name>.gain` and `<name>.bias`, [channels] each.
  LayerNorm(WeightSource& source, const std::string& name, std::int64_t channels, double eps)
      : gain_(source.load({name + ".gain", {channels}, Init::ones(), Role::vector, {}}).value()),
        bias_(source.load({name + ".bias", {channels}, Init::zeros(), Role::vector, {}}).value()),
        eps_(static_cast<float>(eps)) {}

  // x [N, C]; returns [N, C] in the activation type.
  Tensor operator()(ops::Context& ctx, const Tensor& x) const {
    return ops::layer_norm(ctx, x, gain_, bias_, eps_);
  }
  // The same where the result is the residual stream itself (post-norm).
  Tensor to_stream(ops::Context& ctx, const Tensor& x) const {
    return ops::layer_norm(ctx, x, gain_, bias_, eps_, true);
  }

 private:
  Tensor gain_, bias_;
  float eps_ = 0;
};

class RmsNorm {
 public:
  RmsNorm() = default;
  // Asks for `<name>.gain` [channels].
  RmsNorm(WeightSource& source, const std::string& name, std::int64_t channels, double eps)
      : gain_(source.load({name + ".gain", {channels}, Init::ones(), Role::vector, {}}).value()),
        eps_(static_cast<float>(eps)) {}

  // x [N, C]; returns [N, C] in the activation type.
  Tensor operator()(ops::Context& ctx, const Tensor& x) const {
    return ops::rms_norm(ctx, x, gain_, eps_);
  }

 private:
  Tensor gain_;
  float eps_ = 0;
};

}  // namespace stemma::nn
