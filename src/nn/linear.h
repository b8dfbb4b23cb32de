// A linear layer of a model: a weight matrix and, where the model has one, a bias.
//
//   Linear up(source, "blocks.0.feed_forward.up", {.out = 3072, .in = 768}, Init::normal(0.02));
//   const Tensor hidden = up(ctx, x, {.activation = kernels::Activation::gelu_tanh});
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "nn/pass.h"
#include "nn/weight_source.h"
#include "ops/linear.h"

namespace stemma::nn {

struct LinearShape {
  std::int64_t out = 0, in = 0;
  bool bias = true;
  std::vector<Part> parts;  // what the rows of a fused matrix are
};

class Linear {
 public:
  Linear() = default;
  // Asks for `<name>.weight` [out, in] and, with a bias, `<name>.bias` [out] (zeros when fresh).
  Linear(WeightSource& source, const std::string& name, const LinearShape& shape, Init init);

  // x [N, in]; returns [N, out] (ops/linear.h).
  Tensor operator()(ops::Context& ctx, const Tensor& x,
                    const ops::LinearOptions& options = {}) const {
    return ops::linear(ctx, x, weight_, bias_, options);
  }
  // The same with what the pass's adapters change of it (nn/adapter.h).
  Tensor operator()(const Pass& pass, const Tensor& x,
                    const ops::LinearOptions& options = {}) const;

 private:
  std::string name_;
  Weight weight_;
  Tensor bias_;  // empty: none
};

}  // namespace stemma::nn
