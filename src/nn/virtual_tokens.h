// What adapters put before the tokens of a sequence: the keys and values of a prefix (prefix
// tuning: Li and Liang 2021), or a prompt's rows of embeddings (prompt tuning: Lester et al. 2021).
// A pass with adapters is made of
//
//   const Batch batch = with_virtual_tokens(tokens, adapters);
//   PrefixAttention state(batch, adapters);
//   const Tensor h = model->forward({ctx, batch, state, adapters});   // rows of `batch`
//
// With other adapters, or none, both are what they were given, bit for bit: the batch itself and
// FullAttention. Sequences with and without may share a batch.
//
// As in PEFT, P virtual tokens take the positions 0 to P - 1 and the real ones begin at P. A
// prefix's keys are used as they stand, without rotation. A prompt's rows are tokens of the batch,
// so what reads the first token of a sequence (BERT's pooler) reads the first virtual one.
#pragma once

#include <cstdint>
#include <vector>

#include "nn/adapter.h"
#include "nn/attention_state.h"
#include "ops/insert_rows.h"
#include "tensor/batch.h"

namespace stemma::nn {

// The batch as the model reads it: positions after a prefix or a prompt, and the virtual tokens of
// a prompt, in segment 0 and without a target, before those of its sequences. What heads read stays
// the same tokens. `adapters` may be null.
Batch with_virtual_tokens(Batch batch, const Adapters* adapters);

// Every sequence attends to its prefix and to itself.
class PrefixAttention final : public AttentionState {
 public:
  // `batch`: with_virtual_tokens(). This must outlive the tape's backward pass.
  PrefixAttention(const Batch& batch, const Adapters* adapters);

  Tensor attend(ops::Context& ctx, std::int64_t layer, const Tensor& qkv,
                const ops::AttentionSpec& spec) override;

 private:
  std::vector<ops::AttentionSequence> sequences_;  // prefixes included
  std::vector<Tensor> tables_;                     // of all adapters
  ops::InsertedRows inserted_;                     // where they stand
};

}  // namespace stemma::nn
