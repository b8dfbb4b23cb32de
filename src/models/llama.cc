// The Llama layout (Touvron et al. 2023), in which SmolLM2 and many small pre-trained models come:
// a decoder-only Transformer with RMSNorm, rotary positions, grouped key-value heads and a gated
// feed-forward; no biases.
//
//   x = tokens[ids]
//   L times:  x = x + attention(norm1(x));  x = x + down(silu(gate(norm2(x))) · up(norm2(x)))
//   h = final_norm(x);  logits = h · headᵀ
#include <fmt/format.h>

#include "base/error.h"
#include "models/family.h"
#include "models/parts.h"
#include "nn/norm.h"

namespace stemma {
namespace {

class LlamaBlock {
 public:
  LlamaBlock(nn::WeightSource& source, const ModelConfig& c, std::int64_t layer,
             std::shared_ptr<const ops::RotaryTable> rotary)
      : norm1_(source, block_name(layer) + "norm1", c.channels, c.norm_eps),
        attention_(source, block_name(layer) + "attention", layer, attention(c, layer, rotary)),
        norm2_(source, block_name(layer) + "norm2", c.channels, c.norm_eps),
        feed_forward_(source, block_name(layer) + "feed_forward", layer,
                      gated_feed_forward_options(c)) {}

  Tensor operator()(const nn::Pass& pass, const Tensor& x) const {
    const Tensor h = attention_(pass, norm1_(pass.ctx, x), x);
    return feed_forward_(pass.after_attention(), norm2_(pass.ctx, h), h);
  }

 private:
  static nn::AttentionOptions attention(const ModelConfig& c, std::int64_t layer,
                                        std::shared_ptr<const ops::RotaryTable> rotary) {
    nn::AttentionOptions options = attention_options(c, layer);
    options.qkv_bias = options.out_bias = false;
    options.rotary = std::move(rotary);
    return options;
  }

  nn::RmsNorm norm1_;
  nn::Attention attention_;
  nn::RmsNorm norm2_;
  nn::GatedFeedForward feed_forward_;
};

class Llama final : public Model {
 public:
  Llama(const ModelConfig& config, nn::WeightSource& source)
      : Model(config),
        tokens_(token_embedding(source, config)),
        blocks_(source, config, rotary_table(config)),
        final_norm_(source, "final_norm", config.channels, config.norm_eps) {
    head_ = token_head(source, config, tokens_);
  }

  Tensor forward(const nn::Pass& pass) const override {
    const Tensor x = embed(pass, tokens_);
    return final_norm_(pass.ctx, blocks_(pass, embedding_dropout(pass, config_, x)));
  }

 private:
  // Hugging Face's layout: a head's first half is rotated against its second.
  static std::shared_ptr<const ops::RotaryTable> rotary_table(const ModelConfig& c) {
    return std::make_shared<const ops::RotaryTable>(
        ops::RotarySpec{.head_size = c.head_size(),
                        .rotated_heads = c.heads + c.groups(),
                        .base = c.rotary_base,
                        .pairing = ops::RotaryPairing::halves,
                        .frequencies = {}},
        c.context);
  }

  Weight tokens_;  // [V, C]
  Blocks<LlamaBlock> blocks_;
  nn::RmsNorm final_norm_;
};

ModelConfig llama_defaults() {
  ModelConfig c;
  c.family = "llama";
  c.activation = kernels::Activation::silu;
  c.scaled_residual = false;
  return c;
}

void check_llama(const ModelConfig& config) {
  if (config.head_size() % 2 != 0)
    throw Error(ErrorCode::invalid_argument,
                fmt::format("[config] rotary positions need an even head size, got {}",
                            config.head_size()));
  if (config.activation != kernels::Activation::silu)
    throw Error(ErrorCode::invalid_argument,
                "[config] family llama computes the gate of its feed-forward with silu only");
}

std::vector<PublishedSize> llama_sizes() {
  ModelConfig c = llama_defaults();
  c.vocab = 49152;
  c.context = 8192;
  c.channels = 576;
  c.layers = 30;
  c.heads = 9;
  c.kv_heads = 3;
  c.hidden = 1536;
  c.rotary_base = 100000;
  return {{{"smollm2-135m"}, c}};
}

}  // namespace

extern const Family kLlama;
const Family kLlama = {
    .name = "llama",
    .about = "the Llama layout: RMSNorm, rotary positions, grouped heads, gated feed-forward",
    .defaults = llama_defaults,
    // 8/3 C has the parameters of 4 C without a gate (Touvron et al. 2023, 2.2), here a multiple of
    // 64.
    .hidden_of = [](std::int64_t channels) { return (channels * 8 / 3 + 63) / 64 * 64; },
    .check = check_llama,
    .build = [](const ModelConfig& config, nn::WeightSource& source) -> std::unique_ptr<Model> {
      return std::make_unique<Llama>(config, source);
    },
    .published = llama_sizes};

}  // namespace stemma
