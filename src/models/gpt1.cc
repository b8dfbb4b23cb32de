// GPT-1 (Radford et al. 2018): a decoder-only Transformer with learned positions; a norm stands
// behind each residual addition, and none behind the last block.
//
//   x = tokens[ids] + positions[t]
//   L times:  x = norm1(x + attention(x));  x = norm2(x + feed_forward(x))
//   logits = x · tokensᵀ
#include "models/family.h"
#include "models/parts.h"
#include "nn/norm.h"

namespace stemma {
namespace {

class Gpt1Block {
 public:
  Gpt1Block(nn::WeightSource& source, const ModelConfig& c, std::int64_t layer)
      : norm1_(source, block_name(layer) + "norm1", c.channels, c.norm_eps),
        attention_(source, block_name(layer) + "attention", layer, attention_options(c, layer)),
        norm2_(source, block_name(layer) + "norm2", c.channels, c.norm_eps),
        feed_forward_(source, block_name(layer) + "feed_forward", layer, feed_forward_options(c)) {}

  Tensor operator()(const nn::Pass& pass, const Tensor& x) const {
    const Tensor h = norm1_.to_stream(pass.ctx, attention_(pass, x, x));
    return norm2_.to_stream(pass.ctx, feed_forward_(pass.after_attention(), h, h));
  }

 private:
  nn::LayerNorm norm1_;
  nn::Attention attention_;
  nn::LayerNorm norm2_;
  nn::FeedForward feed_forward_;
};

class Gpt1 final : public Model {
 public:
  Gpt1(const ModelConfig& config, nn::WeightSource& source)
      : Model(config),
        tokens_(token_embedding(source, config)),
        positions_(position_embedding(source, config)),
        blocks_(source, config) {
    head_ = token_head(source, config, tokens_);
  }

  Tensor forward(const nn::Pass& pass) const override {
    const Tensor x = embed(pass, tokens_, {{pass.batch.positions, positions_}});
    return blocks_(pass, embedding_dropout(pass, config_, x));
  }

 private:
  Weight tokens_;     // [V, C]
  Tensor positions_;  // [T, C]
  Blocks<Gpt1Block> blocks_;
};

ModelConfig gpt1_defaults() {
  ModelConfig c;
  c.family = "gpt1";
  c.scaled_residual = false;
  return c;
}

std::vector<PublishedSize> gpt1_sizes() {
  ModelConfig c = gpt1_defaults();
  c.vocab = 40478;
  c.context = 512;
  c.channels = 768;
  c.heads = 12;
  c.layers = 12;
  c.hidden = 3072;
  c.embedding_dropout = c.attention_dropout = c.residual_dropout = 0.1;
  return {{{"gpt1", "gpt1-117m", "openai-gpt"}, c}};
}

}  // namespace

extern const Family kGpt1;
const Family kGpt1 = {
    .name = "gpt1",
    .about = "GPT-1: a norm behind each residual addition, learned positions",
    .defaults = gpt1_defaults,
    .hidden_of = [](std::int64_t channels) { return 4 * channels; },
    .check = require_equal_heads,
    .build = [](const ModelConfig& config, nn::WeightSource& source) -> std::unique_ptr<Model> {
      return std::make_unique<Gpt1>(config, source);
    },
    .published = gpt1_sizes};

}  // namespace stemma
