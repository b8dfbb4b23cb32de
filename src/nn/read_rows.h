// Which rows of a model's last states anyone reads. Behind the last attention tokens do not see
// each other any more, so the projection, the feed-forward and the final norm of the last block run
// on these rows alone: for one vector a text that is the larger part of the block.
//
//   const std::optional<ReadRows> read = read_by_heads(batch);
//   const Tensor h = model.forward({.ctx = ctx, .batch = batch, .state = state,
//                                   .read = read ? &*read : nullptr});
//   // h: rows of read->batch, which stands for the batch from there on
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "tensor/batch.h"

namespace stemma::nn {

struct ReadRows {
  std::vector<std::int32_t> rows;  // [M] of the tokens, ascending
  // Of these tokens alone, in the same sequences, which may have none; what heads read counts them.
  Batch batch;
};

// `rows`: ascending, each once; at least one.
ReadRows read_rows(const Batch& batch, std::vector<std::int32_t> rows);

// Those that the batch's heads of tasks read; empty where there is no head, where the next token is
// to be predicted too (targets), or where they read all.
std::optional<ReadRows> read_by_heads(const Batch& batch);

}  // namespace stemma::nn
