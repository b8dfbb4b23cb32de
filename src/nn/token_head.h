// Turns hidden states into scores of tokens, logits = h Wᵀ + bias, and those into a loss. BERT's
// head, which predicts masked tokens, transforms the states first: h = norm(gelu(D h + d)).
//
//   TokenHead head(tokens, {});                                   // GPT
//   TokenHead head(tokens, bias, {source, "head", c, ...});       // BERT
//   const Tensor loss = head.loss(ctx, h, batch.targets, 1.0 / tokens);
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "nn/linear.h"
#include "nn/norm.h"
#include "ops/context.h"
#include "tensor/weight.h"

namespace stemma::nn {

// A dense layer of C to C, an activation and a layer norm (Devlin et al. 2018, A.2; the code of the
// paper calls it `cls/predictions/transform`).
class HeadTransform {
 public:
  HeadTransform() = default;  // none: the states as they are
  struct Options {
    std::int64_t channels = 0;
    kernels::Activation activation = kernels::Activation::gelu_erf;
    double norm_eps = 1e-12;
    Init weight;
  };
  // Asks for `<name>.transform.weight` [C, C] and `.bias` [C], `<name>.norm.gain` and `.bias` [C].
  HeadTransform(WeightSource& source, const std::string& name, const Options& options);

  explicit operator bool() const { return there_; }
  // h [N, C]; returns [N, C] in the activation type.
  Tensor operator()(ops::Context& ctx, const Tensor& h) const;

 private:
  bool there_ = false;
  kernels::Activation activation_ = kernels::Activation::none;
  Linear dense_;
  LayerNorm norm_;
};

class TokenHead {
 public:
  TokenHead() = default;
  // weight [V, C], the token embedding where the head is tied to it; bias [V] or empty.
  TokenHead(Weight weight, Tensor bias, HeadTransform transform = {})
      : weight_(std::move(weight)), bias_(std::move(bias)), transform_(std::move(transform)) {}

  // scale · Σ negative log-likelihood of targets (ops/cross_entropy.h): a root of the tape.
  // h [N, C]; targets [N], -1 for none. With a transform, rows without a target cost nothing: of
  // the tokens of a masked text few are to be found.
  Tensor loss(ops::Context& ctx, const Tensor& h, std::span<const std::int32_t> targets,
              double scale) const;
  // The negative log-likelihood of each target, 0 for none. Inference only.
  std::vector<double> token_losses(ops::Context& ctx, const Tensor& h,
                                   std::span<const std::int32_t> targets) const;
  // [N, V] f32.
  Tensor logits(ops::Context& ctx, const Tensor& h) const;

 private:
  Tensor transformed(ops::Context& ctx, const Tensor& h) const {
    return transform_ ? transform_(ctx, h) : h;
  }

  Weight weight_;
  Tensor bias_;
  HeadTransform transform_;
};

}  // namespace stemma::nn
