#include "nn/attention.h"

#include <cmath>

#include "nn/residual.h"
#include "ops/gather_rows.h"

namespace stemma::nn {

Attention::Attention(WeightSource& source, const std::string& name, std::int64_t layer,
                     const AttentionOptions& options)
    : layer_(layer), options_(options) {
  const std::int64_t q = options.heads * options.head_size;
  const std::int64_t kv = options.kv_heads * options.head_size;
  qkv_ = Linear(source, name + ".qkv",
                {.out = q + 2 * kv,
                 .in = options.channels,
                 .bias = options.qkv_bias,
                 .parts = {{"q", q, options.heads},
                           {"k", kv, options.kv_heads},
                           {"v", kv, options.kv_heads}}},
                options.weight);
  out_ = Linear(source, name + ".out",
                {.out = options.channels, .in = q, .bias = options.out_bias, .parts = {}},
                options.out_weight);
}

Tensor Attention::operator()(const Pass& pass, const Tensor& x, const Tensor& residual) const {
  ops::Context& ctx = pass.ctx;
  ops::AttentionSpec spec;
  spec.heads = options_.heads;
  spec.head_size = options_.head_size;
  spec.kv_heads = options_.kv_heads;
  spec.causal = options_.causal;
  spec.pattern = options_.pattern;
  spec.scale = static_cast<float>(options_.scale);
  spec.dropout = ctx.training() ? options_.weights_dropout : 0.0f;
  spec.dropout_key = ctx.randomness().key(site_of(layer_, DropoutSite::attention_weights));
  spec.dropout_step = ctx.randomness().step;
  Tensor qkv = qkv_(pass, x);
  if (options_.rotary) qkv = ops::rotate(ctx, qkv, pass.batch.positions, *options_.rotary);
  Tensor mixed = pass.state.attend(ctx, layer_, qkv, spec), stream = residual;
  if (pass.read) {
    mixed = ops::gather_rows(ctx, mixed, pass.read->rows);
    stream = ops::gather_rows(ctx, residual, pass.read->rows);
  }
  return add_to_stream(pass.after_attention(), out_, mixed, stream, options_.out_dropout,
                       site_of(layer_, DropoutSite::attention_out));
}

}  // namespace stemma::nn
