// A linear layer: a weight matrix and a bias.
#pragma once

#include <cstdint>
#include <string>

#include "nn/weight_source.h"
#include "ops/linear.h"

namespace stemma::nn {

class Linear {
 public:
  Linear() = default;
  // Asks for `<name>.weight` [out, in] and `<name>.bias` [out] (zeros when fresh).
  Linear(WeightSource& source, const std::string& name, std::int64_t out, std::int64_t in,
         Init init)
      : weight_(source.matrix(name + ".weight", out, in, init)),
        bias_(source.vector(name + ".bias", out, Init::zeros())) {}

  // x [N, in]; returns [N, out] (ops/linear.h).
  Tensor operator()(ops::Context& ctx, const Tensor& x,
                    const ops::LinearOptions& options = {}) const {
    return ops::linear(ctx, x, weight_, bias_, options);
  }

 private:
  Weight weight_;
  Tensor bias_;
};

}  // namespace stemma::nn
