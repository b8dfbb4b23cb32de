#include "kernels/embedding.h"

#include "tests/kernels/row_kernels_support.h"

namespace stemma::kernels {
namespace {

using namespace stemma::test;

const std::vector<std::int32_t> kIds = {3, 0, 99, 3, 64, 31, 32};
const std::vector<std::int32_t> kPlaces = {0, 1, 2, 3, 0, 1, 9};

// Element (id, c) at ((id / 32) * C + c) * 32 + id % 32 (kernels/matmul.h).
Weight packed(const Tensor& table) {
  const std::int64_t out = table.rows(), in = table.cols();
  const Tensor value = Tensor::zeros({(out + 31) / 32, in, 32}, table.dtype());
  for (std::int64_t id = 0; id < out; ++id)
    for (std::int64_t c = 0; c < in; ++c) set(value, id / 32 * in + c, id % 32, get(table, id, c));
  return Weight::panels(value, out);
}

TEST(Embedding, AddsTokenAndPosition) {
  on_every_path([] {
    Stream stream(2);
    for (const std::int64_t cols : kWidths)
      for (const DType type : {DType::f32, DType::bf16, DType::f16, DType::f64})
        for (const bool panels : {false, true}) {
          if (panels && type == DType::f64) continue;
          const DType out = type == DType::f64 ? DType::f64 : DType::f32;
          const Tensor table = random_matrix(100, cols, type, 1);
          const Tensor positions = random_matrix(10, cols, type, 2, 3);
          const Weight weight = panels ? packed(table) : Weight(table);
          const Tensor y = strided(7, cols, 2, out), bare = Tensor::zeros({7, cols}, out);
          embedding_forward(stream, kIds, kPlaces, weight, positions, y);
          embedding_forward(stream, kIds, {}, weight, {}, bare);
          EXPECT_TRUE(gap_untouched(y, 2));
          for (std::int64_t i = 0; i < 7; ++i)
            for (std::int64_t c = 0; c < cols; ++c) {
              const std::size_t at = static_cast<std::size_t>(i);
              const double token = get(table, kIds[at], c);
              const double sum = token + get(positions, kPlaces[at], c);
              ASSERT_EQ(get(bare, i, c), token);
              ASSERT_EQ(get(y, i, c),
                        out == DType::f64 ? sum : static_cast<double>(static_cast<float>(sum)));
            }
        }
  });
}

TEST(Embedding, AddsFurtherTerms) {
  on_every_path([] {
    Stream stream(2);
    for (const std::int64_t cols : kWidths)
      for (const DType type : {DType::f32, DType::bf16, DType::f16, DType::f64}) {
        const DType out = type == DType::f64 ? DType::f64 : DType::f32;
        const Tensor table = random_matrix(10, cols, type, 2, 3);
        const Tensor y = random_matrix(7, cols, out, 1, 2), before = random_matrix(7, cols, out, 1);
        embedding_add(stream, kPlaces, table, y);
        EXPECT_TRUE(gap_untouched(y, 2));
        for (std::int64_t i = 0; i < 7; ++i)
          for (std::int64_t c = 0; c < cols; ++c) {
            const double sum =
                get(before, i, c) + get(table, kPlaces[static_cast<std::size_t>(i)], c);
            ASSERT_EQ(get(y, i, c),
                      out == DType::f64 ? sum : static_cast<double>(static_cast<float>(sum)));
          }
      }
  });
}

TEST(Embedding, BackwardAddsInAscendingOrder) {
  on_every_path([] {
    Stream stream(3);
    for (const std::int64_t cols : kWidths)
      for (const DType type : {DType::f32, DType::f64}) {
        const Tensor dy = random_matrix(500, cols, type, 3, 1);
        std::vector<std::int32_t> index(500);
        for (std::size_t i = 0; i < 500; ++i) index[i] = static_cast<std::int32_t>(i * i % 7);
        const Tensor table = random_matrix(7, cols, type, 4, 2);
        const Tensor expected = random_matrix(7, cols, type, 4);
        embedding_backward(stream, index, dy, table);
        for (std::int64_t i = 0; i < 500; ++i)
          for (std::int64_t c = 0; c < cols; ++c) {
            const std::int64_t at = index[static_cast<std::size_t>(i)];
            set(expected, at, c, get(expected, at, c) + get(dy, i, c));
          }
        EXPECT_EQ(bytes_of(table), bytes_of(expected));
        EXPECT_TRUE(gap_untouched(table, 2));
      }
  });
}

TEST(Embedding, SameBitsForAnyThreadsAndPath) {
  const Tensor dy = random_matrix(1000, 768, DType::f32, 3);
  std::vector<std::int32_t> index(1000);
  for (std::size_t i = 0; i < 1000; ++i) index[i] = static_cast<std::int32_t>(i % 13);
  expect_same_bits([&](Stream& stream) {
    const Tensor table = random_matrix(13, 768, DType::f32, 4);
    embedding_backward(stream, index, dy, table);
    return bytes_of(table);
  });
}

TEST(Embedding, RefusesWhatIsOutOfRange) {
  Stream stream(1);
  const Weight weight(random_matrix(100, 8, DType::f32, 1));
  const Tensor positions = random_matrix(10, 8, DType::f32, 2),
               y = Tensor::zeros({2, 8}, DType::f32);
  const auto run = [&](std::vector<std::int32_t> ids, std::vector<std::int32_t> places) {
    embedding_forward(stream, ids, places, weight, positions, y);
  };
  expect_refused([&] { run({3, 100}, {0, 1}); }, "token id 100 of row 1 is outside [0, 100)");
  expect_refused([&] { run({-1, 2}, {0, 1}); }, "token id -1 of row 0");
  expect_refused([&] { run({1, 2}, {0, 10}); }, "position 10 of row 1 is outside [0, 10)");
  expect_refused([&] { run({1, 2}, {0}); }, "2 ids need as many positions, got 1");
  expect_refused([&] { run({1, 2, 3}, {0, 1, 2}); }, "y must be [3, 8]");
  const std::vector<std::int32_t> bad = {0, 10};
  expect_refused([&] { embedding_backward(stream, bad, y, positions); }, "index 10 of row 1");
  expect_refused([&] { embedding_add(stream, bad, positions, y); },
                 "[embedding] index 10 of row 1 is outside [0, 10)");
  expect_refused([&] { embedding_add(stream, {}, positions, y); },
                 "2 rows need as many indices, got 0");
}

TEST(Embedding, GathersRows) {
  Stream stream(3);
  const std::vector<std::int32_t> rows = {4, 0, 0, 99, 7};
  for (const std::int64_t cols : kWidths)
    for (const DType type : {DType::f32, DType::bf16, DType::f64}) {
      const Tensor x = random_matrix(100, cols, type, 1, 3), y = strided(5, cols, 2, type);
      gather_rows(stream, x, rows, y);
      EXPECT_TRUE(gap_untouched(y, 2));
      for (std::int64_t i = 0; i < 5; ++i)
        for (std::int64_t c = 0; c < cols; ++c)
          ASSERT_EQ(get(y, i, c), get(x, rows[static_cast<std::size_t>(i)], c));
    }
  const Tensor x = Tensor::zeros({5, 2}, DType::f32), y = Tensor::zeros({5, 2}, DType::f32);
  expect_refused([&] { gather_rows(stream, x, rows, y); }, "index 99 of row 3 is outside [0, 5)");
  const std::vector<std::int32_t> few = {1, 2};
  expect_refused([&] { gather_rows(stream, x, few, y); }, "y must be [2, 2]");
  expect_refused(
      [&] {
        gather_rows(stream, x, few, Tensor::zeros({2, 2}, DType::bf16));
      },
      "no kernel for f32 and bf16");
}

TEST(Embedding, ScattersOverNothingOrOverWhatIsThere) {
  Stream stream(2);
  const std::vector<std::int32_t> rows = {4, 0, 4};
  for (const DType type : {DType::f32, DType::f64}) {
    const Tensor dy = random_matrix(3, 17, type, 1);
    const Tensor set_out = strided(6, 17, 2, type), add_out = random_matrix(6, 17, type, 2);
    const Tensor before = random_matrix(6, 17, type, 2), expected = Tensor::zeros({6, 17}, type);
    scatter_rows(stream, rows, dy, {set_out, false});
    scatter_rows(stream, rows, dy, {add_out, true});
    scatter_rows(stream, rows, dy, {});
    EXPECT_TRUE(gap_untouched(set_out, 2));
    for (const bool adding : {false, true}) {
      for (std::int64_t r = 0; r < 6; ++r)
        for (std::int64_t c = 0; c < 17; ++c) set(expected, r, c, adding ? get(before, r, c) : 0);
      for (std::int64_t i = 0; i < 3; ++i)
        for (std::int64_t c = 0; c < 17; ++c) {
          const std::int64_t r = rows[static_cast<std::size_t>(i)];
          set(expected, r, c, get(expected, r, c) + get(dy, i, c));
        }
      EXPECT_EQ(bytes_of(adding ? add_out : set_out), bytes_of(expected));
    }
  }
}

// kNoRow in any list of a lookup is a row of zeros, and gets no gradient.
TEST(Embedding, LooksNothingUpWhereThereIsNoRow) {
  Stream stream(2);
  const Tensor tokens = random_matrix(7, 17, DType::f32, 1);
  const Tensor positions = random_matrix(5, 17, DType::f32, 2);
  const std::vector<std::int32_t> ids = {3, kNoRow, 2, kNoRow}, places = {4, 1, kNoRow, kNoRow};
  for (const Weight& weight : {Weight(tokens), packed(tokens)}) {
    const Tensor y = random_matrix(4, 17, DType::f32, 3),
                 gathered = random_matrix(4, 17, DType::f32, 4);
    embedding_forward(stream, ids, places, weight, positions, y);
    gather_rows(stream, tokens, ids, gathered);
    for (std::int64_t c = 0; c < 17; ++c) {
      EXPECT_EQ(get(y, 0, c), static_cast<float>(get(tokens, 3, c) + get(positions, 4, c)));
      EXPECT_EQ(get(y, 1, c), get(positions, 1, c));
      EXPECT_EQ(get(y, 2, c), get(tokens, 2, c));
      EXPECT_EQ(get(y, 3, c), 0);
      EXPECT_EQ(get(gathered, 0, c), get(tokens, 3, c));
      EXPECT_EQ(get(gathered, 1, c), 0);
    }
    embedding_add(stream, places, positions, y);
    scatter_rows(stream, ids, y, {gathered, false});
    for (std::int64_t c = 0; c < 17; ++c) {
      EXPECT_EQ(get(y, 3, c), 0);
      EXPECT_EQ(get(gathered, 2, c), get(y, 2, c));
      EXPECT_EQ(get(gathered, 0, c), 0);
    }
  }
}

}  // namespace
}  // namespace stemma::kernels
