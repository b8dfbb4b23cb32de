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
// A pass over whole sequences is made so; infer's key-value cache puts the same rows before those
// of a sequence that begins. As in PEFT, P virtual tokens take the positions 0 to P - 1 and the
// real ones begin at P. A prefix's keys are used as they stand, without rotation. A prompt's rows
// are tokens of the batch, so what reads the first token of a sequence (BERT's pooler) reads the
// first virtual one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "nn/adapter.h"
#include "nn/attention_state.h"
#include "ops/gather_rows.h"
#include "ops/insert_rows.h"
#include "tensor/batch.h"

namespace stemma::nn {

// P, of the adapter with most of them; `adapters` may be null.
std::int64_t most_virtual_tokens(const Adapters* adapters);

// The batch as the model reads it: positions after a prefix or a prompt, and the virtual tokens of
// a prompt, in segment 0 and without a target, before those of its sequences. Sequences that go on
// in a cache, whose first position is not 0, stay as they are. What heads read stays the same
// tokens. `adapters` may be null.
Batch with_virtual_tokens(Batch batch, const Adapters* adapters);
// The rows of such a batch that are tokens of its sequences, ascending.
std::vector<std::int32_t> token_rows(const Batch& batch);

// The prefixes of a pass: keys and values that attention finds before those of its sequences.
class PrefixRows {
 public:
  // `adapters` may be null.
  explicit PrefixRows(const Adapters* adapters = nullptr);

  struct Range {
    std::int64_t begin = 0, end = 0;
  };
  // The next sequence of the batch, behind its prefix where it `begins`: its rows of queries, keys
  // and values in attention, the prefix's among them.
  Range add(const Batch& batch, std::size_t b, bool begins);

  // attend(x) where x is qkv with the prefixes of that layer in it. They have no queries: their
  // rows of the result, made of zeros, are left out.
  template <class Attend>
  Tensor around(ops::Context& ctx, std::int64_t layer, const Tensor& qkv,
                const ops::AttentionSpec& spec, const Attend& attend) const {
    if (inserted_.blocks.empty()) return attend(qkv);
    const std::int64_t width = 2 * spec.key_value_heads() * spec.head_size;
    const Tensor longer = ops::insert_rows(ctx, qkv, tables_, {layer * width, width}, inserted_);
    return ops::gather_rows(ctx, attend(longer), inserted_.tokens);
  }

 private:
  const Adapters* adapters_;    // null where none is a prefix
  std::vector<Tensor> tables_;  // of all adapters
  ops::InsertedRows inserted_;  // where they stand
};

// Every sequence attends to its prefix and to itself.
class PrefixAttention final : public AttentionState {
 public:
  // `batch`: with_virtual_tokens(). This must outlive the tape's backward pass.
  PrefixAttention(const Batch& batch, const Adapters* adapters);

  Tensor attend(ops::Context& ctx, std::int64_t layer, const Tensor& qkv,
                const ops::AttentionSpec& spec) override;

 private:
  std::vector<ops::AttentionSequence> sequences_;  // prefixes included
  PrefixRows prefixes_;
};

}  // namespace stemma::nn
