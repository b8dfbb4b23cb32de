// The decoder-only Transformer of GPT-1 (Radford et al. 2018) and GPT-2 (Radford et al. 2019): the
// one definition behind training, evaluation and generation.
//
//   Decoder model(config, source);
//   nn::FullAttention state(batch);
//   Tensor h = model.forward(ctx, batch, state);      // [N, C]
//   Tensor loss = model.loss(ctx, h, batch.targets, 1.0 / tokens);
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "models/decoder_config.h"
#include "nn/attention_state.h"
#include "nn/block.h"
#include "nn/norm.h"
#include "nn/weight_source.h"
#include "tensor/batch.h"

namespace stemma {

class Decoder {
 public:
  // Throws invalid_argument (config.validate()) and what the source throws.
  Decoder(const DecoderConfig& config, nn::WeightSource& source);

  const DecoderConfig& config() const { return config_; }

  // The final hidden states [N, C]. Throws invalid_argument for a position past the context or an
  // id outside the vocabulary.
  Tensor forward(ops::Context& ctx, const Batch& batch, nn::AttentionState& state) const;

  // scale · Σ negative log-likelihood of targets (ops/cross_entropy.h). h [N, C].
  Tensor loss(ops::Context& ctx, const Tensor& h, std::span<const std::int32_t> targets,
              double scale) const;
  std::vector<double> token_losses(ops::Context& ctx, const Tensor& h,
                                   std::span<const std::int32_t> targets) const;
  // Logits [N, V] f32 of rows of hidden states.
  Tensor logits(ops::Context& ctx, const Tensor& h) const;

 private:
  DecoderConfig config_;
  Weight tokens_;     // [V, C]
  Tensor positions_;  // [T, C]
  std::vector<nn::Block> blocks_;
  nn::Norm final_norm_;  // pre-norm only
  Weight head_;          // [V, C]; the token embedding when tied
  Tensor head_bias_;     // [V] or empty
};

}  // namespace stemma
