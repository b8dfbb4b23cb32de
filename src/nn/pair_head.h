// What BERT makes of a whole sequence (Devlin et al. 2018, 3.1 and A.2): the pooler turns the state
// of the first token, [CLS], into one vector, and the pair head tells from it whether the second of
// two texts follows the first (next-sentence prediction).
//
//   const Tensor pooled = model.pooler()(ctx, h, batch);                        // [B, C]
//   const Tensor loss = model.pair_head().loss(ctx, pooled, labels, 1.0 / sequences);
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "nn/linear.h"
#include "tensor/batch.h"

namespace stemma::nn {

class Pooler {
 public:
  Pooler() = default;
  // Asks for `<name>.weight` [C, C] and `<name>.bias` [C].
  Pooler(WeightSource& source, const std::string& name, std::int64_t channels, Init init)
      : dense_(source, name, {.out = channels, .in = channels, .parts = {}}, init) {}

  // tanh(W h[first token of each sequence] + b). h [N, C]; returns [B, C]. Throws invalid_argument
  // where a sequence has no token.
  Tensor operator()(ops::Context& ctx, const Tensor& h, const Batch& batch) const;

 private:
  Linear dense_;
};

class PairHead {
 public:
  // 0: the second text follows the first; 1: it is another one.
  static constexpr std::int64_t kClasses = 2;

  PairHead() = default;
  // Asks for `<name>.weight` [2, C] and `<name>.bias` [2].
  PairHead(WeightSource& source, const std::string& name, std::int64_t channels, Init init);

  // scale · Σ negative log-likelihood of labels (ops/cross_entropy.h): a root of the tape.
  // pooled [B, C]; labels [B], -1 for none.
  Tensor loss(ops::Context& ctx, const Tensor& pooled, std::span<const std::int32_t> labels,
              double scale) const;
  // [B, 2] f32.
  Tensor logits(ops::Context& ctx, const Tensor& pooled) const;

 private:
  Weight weight_;
  Tensor bias_;
};

}  // namespace stemma::nn
