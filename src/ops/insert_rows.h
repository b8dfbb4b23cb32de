// Rows of a trained table put between the rows of a packed tensor: how the keys and values of a
// prefix come to stand before those of a sequence (prefix tuning: Li and Liang 2021).
//
//   // Two sequences of 2 and 1 rows, a prefix of 3 before the second one: 0 1 | p p p 2
//   InsertedRows inserted{.from = {0, 1, kNoRow, kNoRow, kNoRow, 2},
//                         .tokens = {0, 1, 5}, .blocks = {{.first = 2, .table = 0}}};
//   const Tensor longer = insert_rows(ctx, qkv, {&prefix, 1}, {.first = 0, .count = 128},
//   inserted);
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "kernels/embedding.h"
#include "ops/context.h"
#include "tensor/tensor.h"

namespace stemma::ops {

using kernels::kNoRow;

struct InsertedRows {
  std::vector<std::int32_t> from;    // [M] the row of x that each row is, kNoRow for inserted ones
  std::vector<std::int32_t> tokens;  // [N] the place of each row of x
  // All rows of a table, from row `first` of the result on. A table may be there many times.
  struct Block {
    std::int64_t first = 0;
    std::size_t table = 0;
  };
  std::vector<Block> blocks;
};

// The columns of a table that are inserted.
struct TableColumns {
  std::int64_t first = 0, count = 0;
};

// Row tokens[i] of the result is row i of x; an inserted row has the table's columns at its end and
// zeros before. Differentiable in x and in the tables, where the sequences add up ascending.
//   x [N, W] f32|bf16;  tables [P, ..] f32|bf16, which no block needs may be empty;  returns [M, W]
//   in x's type.
// `inserted` must outlive the tape's backward pass. Throws invalid_argument for columns that a
// table or x does not have.
Tensor insert_rows(Context& ctx, const Tensor& x, std::span<const Tensor> tables,
                   const TableColumns& columns, const InsertedRows& inserted);

}  // namespace stemma::ops
