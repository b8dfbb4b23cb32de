// What attention sees beside the tokens of this pass: nothing (FullAttention, in training), or the
// keys and values of earlier tokens (infer's cache). One virtual call a layer, so that a model is
// written once for both.
//
//   FullAttention state(batch);
//   const Tensor h = model->forward({ctx, batch, state});
#pragma once

#include <cstdint>
#include <vector>

#include "ops/attention.h"

namespace stemma::nn {

class AttentionState {
 public:
  virtual ~AttentionState() = default;
  // qkv [N, (H + 2 G) D] of the batch that the state was prepared for; returns [N, H D].
  virtual Tensor attend(ops::Context& ctx, std::int64_t layer, const Tensor& qkv,
                        const ops::AttentionSpec& spec) = 0;
};

// Every sequence attends to itself. Keys and values are in the activation type, the type that a
// cache would hold, so this and infer's cache give the same bits.
class FullAttention final : public AttentionState {
 public:
  // Must outlive the tape's backward pass.
  explicit FullAttention(const Batch& batch) : sequences_(ops::self_sequences(batch)) {}

  Tensor attend(ops::Context& ctx, std::int64_t, const Tensor& qkv,
                const ops::AttentionSpec& spec) override {
    return ops::attention(ctx, qkv, spec, sequences_);
  }

 private:
  std::vector<ops::AttentionSequence> sequences_;
};

}  // namespace stemma::nn
