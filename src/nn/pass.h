// What every part of a model gets when it runs: where and how to compute, the tokens, and what
// attention sees beside them. It travels as one argument from Model::forward() down to each part.
//
// All of them must outlive the backward pass of the tape that records.
#pragma once

#include "nn/attention_state.h"
#include "nn/read_rows.h"
#include "ops/context.h"
#include "tensor/batch.h"
#include "tensor/tensor.h"

namespace stemma::nn {

struct Adapters;  // nn/adapter.h

struct Pass {
  ops::Context& ctx;
  const Batch& batch;
  AttentionState& state;
  const Adapters* adapters = nullptr;  // none: the model as it is
  // [N, C] in the residual stream's type, added to the embeddings of the tokens (embed() in
  // models/parts.h); empty: nothing is.
  Tensor perturbation{};
  const ReadRows* read = nullptr;  // null: all rows of the last states are

  // The same pass under another context: recompute runs a block a second time under its own.
  Pass under(ops::Context& other) const {
    return {other, batch, state, adapters, perturbation, read};
  }
  // For the blocks before the last one, where tokens still see each other.
  Pass before_last() const { return {ctx, batch, state, adapters, perturbation}; }
  // Behind the attention of a block: with the rows that are read alone.
  Pass after_attention() const {
    return {ctx, read ? read->batch : batch, state, adapters, perturbation};
  }
};

}  // namespace stemma::nn
