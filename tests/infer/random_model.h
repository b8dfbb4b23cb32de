// A model in memory whose scores are far from uniform, without a folder or a tokenizer.
#pragma once

#include <cmath>
#include <cstdint>
#include <memory>
#include <span>

#include "device/stream.h"
#include "infer/forward.h"
#include "models/model.h"
#include "nn/attention_state.h"
#include "nn/fresh_weights.h"

namespace stemma::infer::testing {

class InMemory {
 public:
  explicit InMemory(std::int64_t context = 40) : stream_(2) {
    ModelConfig config;
    config.family = "gpt2";
    config.vocab = 31;
    config.context = context;
    config.channels = 12;
    config.heads = 3;
    config.layers = 2;
    config.hidden = 48;
    config.weight_std = 0.5;
    nn::FreshWeights source(3);
    model_ = build_model(config, source);
  }
  const Model& model() const { return *model_; }
  Stream& stream() const { return stream_; }

  // log p(target | ids) from the logits of a pass over exactly these ids.
  double log_probability(std::span<const std::int32_t> ids, std::int32_t target) const {
    Batch batch;
    append(batch, ids);
    nn::FullAttention attention(batch);
    ops::Context ctx(stream_);
    const Tensor h = model_->forward({ctx, batch, attention});
    const Tensor logits = model_->head().logits(ctx, h.slice_rows(h.rows() - 1, h.rows()));
    double sum = 0;
    for (std::int64_t v = 0; v < 31; ++v)
      sum += std::exp(static_cast<double>(logits.data<float>()[v]));
    return static_cast<double>(logits.data<float>()[target]) - std::log(sum);
  }

 private:
  mutable Stream stream_;
  std::unique_ptr<Model> model_;
};

}  // namespace stemma::infer::testing
