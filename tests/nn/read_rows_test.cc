#include "nn/read_rows.h"

#include <gtest/gtest.h>

namespace stemma::nn {
namespace {

using Rows = std::vector<std::int32_t>;

// Three texts of 2, 1 and 3 tokens.
Batch three_texts() {
  Batch batch;
  batch.ids = {10, 11, 20, 30, 31, 32};
  batch.positions = {0, 1, 0, 0, 1, 2};
  batch.offsets = {0, 2, 3, 6};
  batch.numbers = {7, 8, 9};
  batch.segments = {0, 1, 0, 0, 1, 1};
  batch.adapters = {0, 1, 0};
  return batch;
}

HeadRows reading(Rows from) {
  HeadRows head;
  head.rows = std::ssize(from);
  head.from = std::move(from);
  return head;
}

TEST(ReadRows, AreABatchOfTheirOwn) {
  const ReadRows read = read_rows(three_texts(), {1, 3, 5});
  EXPECT_EQ(read.batch.ids, (Rows{11, 30, 32}));
  EXPECT_EQ(read.batch.positions, (Rows{1, 0, 2}));
  EXPECT_EQ(read.batch.segments, (Rows{1, 0, 1}));
  EXPECT_EQ(read.batch.offsets, (std::vector<std::int64_t>{0, 1, 1, 3}));
  EXPECT_EQ(read.batch.numbers, three_texts().numbers);
  EXPECT_EQ(read.batch.adapters, three_texts().adapters);
}

TEST(ReadRows, AreThoseOfAllHeads) {
  Batch batch = three_texts();
  batch.heads = {reading({5, 1, 5}), reading({2})};
  const auto read = read_by_heads(batch);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->rows, (Rows{1, 2, 5}));
  EXPECT_EQ(read->batch.heads[0].from, (Rows{2, 0, 2}));
  EXPECT_EQ(read->batch.heads[1].from, (Rows{1}));
}

// The pooler counts sequences, and takes the first token of each.
TEST(ReadRows, OfAPoolerAreTheFirstTokens) {
  Batch batch = three_texts();
  batch.heads = {reading({2, 0})};
  batch.heads[0].of_sequences = true;
  const auto read = read_by_heads(batch);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->rows, (Rows{0, 2, 3}));
  EXPECT_EQ(read->batch.heads[0].from, (Rows{2, 0}));
  EXPECT_EQ(read->batch.offsets, (std::vector<std::int64_t>{0, 1, 2, 3}));
}

TEST(ReadRows, AreAllWhereMoreIsRead) {
  Batch batch = three_texts();
  EXPECT_FALSE(read_by_heads(batch));  // no head
  batch.heads = {reading({0, 1, 2, 3, 4, 5})};
  EXPECT_FALSE(read_by_heads(batch));  // every token
  batch.heads = {reading({0})};
  EXPECT_TRUE(read_by_heads(batch));
  batch.targets = {1, -1, -1, 1, 1, -1};
  EXPECT_FALSE(read_by_heads(batch));  // the next tokens too
  batch.targets.clear();
  batch.heads = {reading({})};
  EXPECT_FALSE(read_by_heads(batch));  // nothing at all
}

}  // namespace
}  // namespace stemma::nn
