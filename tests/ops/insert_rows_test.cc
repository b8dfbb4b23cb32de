// Rows of tables between the rows of a tensor: where they stand, and gradients against finite
// differences in f64.
#include "ops/insert_rows.h"

#include "ops/attention.h"
#include "ops/gather_rows.h"
#include "tests/base/expect_error.h"
#include "tests/ops/gradient_check.h"

namespace stemma::ops {
namespace {

// x has rows of three sequences, 2, 1 and 2. Table 0 (2 rows) stands before the first and the last,
// table 1 (1 row) nowhere, table 2 (3 rows) before the second.
struct Inserted {
  InsertedRows rows{.from = {kNoRow, kNoRow, 0, 1, kNoRow, kNoRow, kNoRow, 2, kNoRow, kNoRow, 3, 4},
                    .tokens = {2, 3, 7, 10, 11},
                    .blocks = {{0, 0}, {4, 2}, {8, 0}}};
  std::vector<AttentionSequence> sequences{
      {0, 4, 4, 0, 0, 0}, {4, 8, 4, 0, 1, 4}, {8, 12, 4, 0, 2, 8}};
};

std::vector<Tensor> inserted_inputs() {
  return {random_tensor({5, 12}, 1), random_tensor({2, 16}, 2), random_tensor({1, 16}, 3),
          random_tensor({3, 16}, 4)};
}

TEST(InsertRows, StandWhereTheyAreTold) {
  const Inserted inserted;
  Stream stream(2);
  Context ctx(stream, Numerics::f64());
  const std::vector<Tensor> in = inserted_inputs();
  const Tensor y = insert_rows(ctx, in[0], std::span(in).subspan(1), {4, 8}, inserted.rows);
  ASSERT_EQ(y.shape(), Shape({12, 12}));
  const auto at = [](const Tensor& t, std::int64_t row, std::int64_t c) {
    return t.data<double>()[row * t.row_stride() + c];
  };
  std::vector<std::pair<std::size_t, std::int64_t>> wanted{{1, 0}, {1, 1}, {0, 0}, {0, 1},
                                                           {3, 0}, {3, 1}, {3, 2}, {0, 2},
                                                           {1, 0}, {1, 1}, {0, 3}, {0, 4}};
  for (std::int64_t row = 0; row < 12; ++row) {
    const auto [input, from] = wanted[static_cast<std::size_t>(row)];
    for (std::int64_t c = 0; c < 12; ++c) {
      const double value = input == 0 ? at(in[0], from, c) : c < 4 ? 0 : at(in[input], from, c);
      EXPECT_EQ(at(y, row, c), value) << row << " " << c;
    }
  }
}

TEST(InsertRows, HaveTheGradientOfFiniteDifferences) {
  const Inserted inserted;
  check_gradients({inserted_inputs()[0], inserted_inputs()[1]},
                  [&](Context& ctx, const std::vector<Tensor>& in) {
                    const std::vector<Tensor> tables{in[1], {}, inserted_inputs()[3]};
                    return insert_rows(ctx, in[0], tables, {4, 8}, inserted.rows);
                  });
  // All of them, with a gradient from elsewhere too.
  check_roots({inserted_inputs()[0], inserted_inputs()[1], inserted_inputs()[3]},
              [&](Context& ctx, const std::vector<Tensor>& in) {
                const std::vector<Tensor> tables{in[1], {}, in[2]};
                return std::vector<Tensor>{insert_rows(ctx, in[0], tables, {4, 8}, inserted.rows),
                                           insert_rows(ctx, in[0], tables, {0, 8}, inserted.rows)};
              });
}

// A prefix in attention: 2 query heads on one key-value head of 2 columns, causal and not.
TEST(InsertRows, BeforeAttentionHaveTheGradientOfFiniteDifferences) {
  const Inserted inserted;
  for (const bool causal : {true, false}) {
    AttentionSpec spec;
    spec.heads = 2;
    spec.kv_heads = 1;
    spec.head_size = 2;
    spec.causal = causal;
    spec.scale = 0.7f;
    check_gradients({random_tensor({5, 8}, 5), inserted_inputs()[1]},
                    [&](Context& ctx, const std::vector<Tensor>& in) {
                      const std::vector<Tensor> tables{in[1], {}, inserted_inputs()[3]};
                      const Tensor qkv = insert_rows(ctx, in[0], tables, {4, 4}, inserted.rows);
                      const Tensor y = attention(ctx, qkv, spec, inserted.sequences);
                      return gather_rows(ctx, y, inserted.rows.tokens);
                    });
  }
}

TEST(InsertRows, RefuseColumnsThatThereAreNot) {
  const Inserted inserted;
  Stream stream(1);
  Context ctx(stream, Numerics::f64());
  const std::vector<Tensor> in = inserted_inputs();
  const auto tables = std::span(in).subspan(1);
  EXPECT_ERROR(insert_rows(ctx, in[0], tables, {12, 8}, inserted.rows), ErrorCode::invalid_argument,
               "columns [12, 20) must be in the table of 16 columns");
  EXPECT_ERROR(insert_rows(ctx, in[0], tables, {0, 14}, inserted.rows), ErrorCode::invalid_argument,
               "fit rows of 12");
}

}  // namespace
}  // namespace stemma::ops
