// Embeddings: rows of tables, looked up and summed.
//
//   // GPT: tokens and learned positions.
//   ops::embedding(ctx, batch, tokens, positions);
//   // Llama: tokens only.
//   ops::embedding(ctx, batch.ids, tokens);
//   // BERT: three terms.
//   ops::embedding(ctx, batch.ids, tokens,
//                  {{batch.positions, positions}, {batch.segments, segments, "segments"}});
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "kernels/embedding.h"
#include "ops/context.h"
#include "tensor/batch.h"
#include "tensor/tensor.h"
#include "tensor/weight.h"

namespace stemma::ops {

using kernels::kNoRow;

// A table that is added: its row index[i] to row i of the result, nothing where that is kNoRow.
struct EmbeddingTerm {
  std::span<const std::int32_t> index;               // [N]
  Tensor table;                                      // [S, C] f32|bf16|f16; empty: nothing is added
  std::string_view observed = "position_embedding";  // what an observer knows the term as
};

// y[i] = ((tokens[ids[i]] + terms[0].table[terms[0].index[i]]) + terms[1]. ...) + ...: each sum is
// rounded, in the order of the list; the id kNoRow is a row of zeros. Differentiable in all tables.
//   ids [N];  tokens [V, C];  returns [N, C] in the residual stream's type.
// What the spans refer to must outlive the tape's backward pass. Throws invalid_argument for an id
// or an index out of range, unsupported on a tape where trainable tokens are stored in anything but
// rows of f32.
Tensor embedding(Context& ctx, std::span<const std::int32_t> ids, const Weight& tokens,
                 const std::vector<EmbeddingTerm>& terms = {});

// The same of a batch's tokens and positions; `positions` [T, C] may be empty.
Tensor embedding(Context& ctx, const Batch& batch, const Weight& tokens, const Tensor& positions);

}  // namespace stemma::ops
