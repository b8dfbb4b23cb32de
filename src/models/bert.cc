// BERT (Devlin et al. 2018): a bidirectional encoder. Each token is the sum of three embeddings,
// normalised; a norm stands behind each residual addition, as in GPT-1; every token sees the whole
// of its text.
//
//   x = norm(tokens[ids] + segments[s] + positions[t])
//   L times:  x = norm1(x + attention(x));  x = norm2(x + feed_forward(x))
//   masked tokens:  logits = norm(gelu(D x + d)) · tokensᵀ + b
//   pooler:         p = tanh(P x[first token] + q)        next sentence:  classes = N p + n
#include <fmt/format.h>

#include "base/error.h"
#include "models/family.h"
#include "models/parts.h"
#include "nn/norm.h"
#include "ops/tape.h"

namespace stemma {
namespace {

class BertBlock {
 public:
  BertBlock(nn::WeightSource& source, const ModelConfig& c, std::int64_t layer)
      : attention_(source, block_name(layer) + "attention", layer, attention_options(c, layer)),
        norm1_(source, block_name(layer) + "norm1", c.channels, c.norm_eps),
        feed_forward_(source, block_name(layer) + "feed_forward", layer, feed_forward_options(c)),
        norm2_(source, block_name(layer) + "norm2", c.channels, c.norm_eps) {}

  Tensor operator()(const nn::Pass& pass, const Tensor& x) const {
    const Tensor h = norm1_.to_stream(pass.ctx, attention_(pass, x, x));
    return norm2_.to_stream(pass.ctx, feed_forward_(pass.after_attention(), h, h));
  }

 private:
  nn::Attention attention_;
  nn::LayerNorm norm1_;
  nn::FeedForward feed_forward_;
  nn::LayerNorm norm2_;
};

class Bert final : public Model {
 public:
  Bert(const ModelConfig& config, nn::WeightSource& source)
      : Model(config),
        tokens_(token_embedding(source, config)),
        positions_(position_embedding(source, config)),
        segments_(segment_embedding(source, config)),
        norm_(source, "embedding.norm", config.channels, config.norm_eps),
        blocks_(source, config) {
    const nn::Init init = nn::Init::normal(config.weight_std);
    if (config.pooler) pooler_.emplace(source, "pooler", config.channels, init);
    if (config.token_head) {
      nn::HeadTransform transform(source, "head",
                                  {.channels = config.channels,
                                   .activation = config.activation,
                                   .norm_eps = config.norm_eps,
                                   .weight = init});
      head_ = token_head(source, config, tokens_, std::move(transform));
    }
    if (config.pair_head) pair_head_.emplace(source, "pair_head", config.channels, init);
  }

  Tensor forward(const nn::Pass& pass) const override {
    const Tensor x = norm_.to_stream(pass.ctx, embedded(pass));
    return blocks_(pass, embedding_dropout(pass, config_, x));
  }

 private:
  // Added in the order of the paper's code, since each sum is rounded.
  Tensor embedded(const nn::Pass& pass) const {
    const Batch& batch = pass.batch;
    const std::vector<std::int32_t> zeros(batch.segments.empty() ? batch.ids.size() : 0);
    std::span<const std::int32_t> segments = batch.segments.empty() ? zeros : batch.segments;
    if (segments.size() != batch.ids.size())
      throw Error(ErrorCode::invalid_argument,
                  fmt::format("[bert] a batch of {} tokens must have a segment for each or none, "
                              "got {}",
                              batch.ids.size(), segments.size()));
    // A tape reads the list again in its backward pass.
    if (ops::Tape* tape = pass.ctx.tape(); tape && batch.segments.empty())
      segments = tape->keep_values(segments);
    return embed(pass, tokens_,
                 {{segments, segments_, "segment_embedding"}, {batch.positions, positions_}});
  }

  Weight tokens_;     // [V, C]
  Tensor positions_;  // [T, C]
  Tensor segments_;   // [segments, C]
  nn::LayerNorm norm_;
  Blocks<BertBlock> blocks_;
};

ModelConfig bert_defaults() {
  ModelConfig c;
  c.family = "bert";
  c.causal = false;
  c.segments = 2;
  c.activation = kernels::Activation::gelu_erf;
  c.norm_eps = 1e-12;
  c.scaled_residual = false;
  c.pooler = c.pair_head = true;
  c.head_bias = true;
  return c;
}

void check_bert(const ModelConfig& c) {
  require_equal_heads(c);
  const auto fail = [](const std::string& what) {
    throw Error(ErrorCode::invalid_argument, "[config] family bert " + what);
  };
  if (c.segments < 1)
    fail(fmt::format("needs at least one segment (type_vocab_size), got {}", c.segments));
  if (c.head_bias != c.token_head)
    fail("has a bias on its token head: set head_bias as token_head");
  if (c.pair_head && !c.pooler) fail("needs the pooler for its next-sentence head: set pooler");
  if (!c.patterns.empty()) fail("has dense attention only: leave the patterns empty");
}

// Devlin et al. 2018, 3; MiniLM: Wang et al. 2020, in six layers as sentence-transformers trained
// it, which left the heads of pre-training out.
std::vector<PublishedSize> bert_sizes() {
  const auto size = [](std::int64_t layers, std::int64_t channels, std::int64_t heads) {
    ModelConfig c = bert_defaults();
    c.vocab = 30522;
    c.context = 512;
    c.layers = layers;
    c.channels = channels;
    c.heads = heads;
    c.hidden = 4 * channels;
    c.embedding_dropout = c.attention_dropout = c.residual_dropout = 0.1;
    return c;
  };
  ModelConfig minilm = size(6, 384, 12);
  minilm.token_head = minilm.head_bias = minilm.pair_head = false;
  return {{{"bert-base", "bert-base-uncased", "bert-110m"}, size(12, 768, 12)},
          {{"bert-large", "bert-large-uncased", "bert-340m"}, size(24, 1024, 16)},
          {{"minilm-l6", "minilm-22m", "all-minilm-l6-v2"}, minilm}};
}

}  // namespace

extern const Family kBert;
const Family kBert = {
    .name = "bert",
    .about = "BERT: a bidirectional encoder with segments, for masked tokens and sentence vectors",
    .defaults = bert_defaults,
    .hidden_of = [](std::int64_t channels) { return 4 * channels; },
    .check = check_bert,
    .build = [](const ModelConfig& config, nn::WeightSource& source) -> std::unique_ptr<Model> {
      return std::make_unique<Bert>(config, source);
    },
    .published = bert_sizes,
    .tied_head_may_have_bias = true};

}  // namespace stemma
