// GPT-2 (Radford et al. 2019): a decoder-only Transformer with learned positions; the norms stand
// before each sublayer, and one more behind the last block.
//
//   x = tokens[ids] + positions[t]
//   L times:  x = x + attention(norm1(x));  x = x + feed_forward(norm2(x))
//   h = final_norm(x);  logits = h · tokensᵀ
#include "models/family.h"
#include "models/parts.h"
#include "nn/norm.h"

namespace stemma {
namespace {

class Gpt2Block {
 public:
  Gpt2Block(nn::WeightSource& source, const ModelConfig& c, std::int64_t layer)
      : norm1_(source, block_name(layer) + "norm1", c.channels, c.norm_eps),
        attention_(source, block_name(layer) + "attention", layer, attention_options(c, layer)),
        norm2_(source, block_name(layer) + "norm2", c.channels, c.norm_eps),
        feed_forward_(source, block_name(layer) + "feed_forward", layer, feed_forward_options(c)) {}

  Tensor operator()(const nn::Pass& pass, const Tensor& x) const {
    const Tensor h = attention_(pass, norm1_(pass.ctx, x), x);
    return feed_forward_(pass.after_attention(), norm2_(pass.ctx, h), h);
  }

 private:
  nn::LayerNorm norm1_;
  nn::Attention attention_;
  nn::LayerNorm norm2_;
  nn::FeedForward feed_forward_;
};

class Gpt2 final : public Model {
 public:
  Gpt2(const ModelConfig& config, nn::WeightSource& source)
      : Model(config),
        tokens_(token_embedding(source, config)),
        positions_(position_embedding(source, config)),
        blocks_(source, config),
        final_norm_(source, "final_norm", config.channels, config.norm_eps) {
    head_ = token_head(source, config, tokens_);
  }

  Tensor forward(const nn::Pass& pass) const override {
    const Tensor x = embed(pass, tokens_, {{pass.batch.positions, positions_}});
    return final_norm_(pass.ctx, blocks_(pass, embedding_dropout(pass, config_, x)));
  }

 private:
  Weight tokens_;     // [V, C]
  Tensor positions_;  // [T, C]
  Blocks<Gpt2Block> blocks_;
  nn::LayerNorm final_norm_;
};

ModelConfig gpt2_defaults() {
  ModelConfig c;
  c.family = "gpt2";
  return c;
}

// Table 2 of the paper; the third name is its count of parameters.
std::vector<PublishedSize> gpt2_sizes() {
  const auto size = [](std::int64_t layers, std::int64_t channels, std::int64_t heads) {
    ModelConfig c = gpt2_defaults();
    c.vocab = 50257;
    c.context = 1024;
    c.layers = layers;
    c.channels = channels;
    c.heads = heads;
    c.hidden = 4 * channels;
    return c;
  };
  return {{{"gpt2", "gpt2-124m", "gpt2-117m", "gpt2-small"}, size(12, 768, 12)},
          {{"gpt2-355m", "gpt2-345m", "gpt2-medium"}, size(24, 1024, 16)},
          {{"gpt2-774m", "gpt2-762m", "gpt2-large"}, size(36, 1280, 20)},
          {{"gpt2-1558m", "gpt2-1542m", "gpt2-xl"}, size(48, 1600, 25)}};
}

}  // namespace

extern const Family kGpt2;
const Family kGpt2 = {
    .name = "gpt2",
    .about = "GPT-2: a norm before each sublayer, learned positions",
    .defaults = gpt2_defaults,
    .hidden_of = [](std::int64_t channels) { return 4 * channels; },
    .check = require_equal_heads,
    .build = [](const ModelConfig& config, nn::WeightSource& source) -> std::unique_ptr<Model> {
      return std::make_unique<Gpt2>(config, source);
    },
    .published = gpt2_sizes};

}  // namespace stemma
