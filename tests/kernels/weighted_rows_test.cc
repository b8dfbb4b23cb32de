#include "kernels/weighted_rows.h"

#include "tests/kernels/row_kernels_support.h"

namespace stemma::kernels {
namespace {

using namespace stemma::test;

struct TermsOfRows {
  std::vector<std::int32_t> to{3, 0, 0, 3, 1, 3}, from{0, 4, 4, 2, 1, 0};
  std::vector<float> weight{1, 0.5f, -0.25f, 1.0f / 3, 0, 2};
  RowTerms terms() const { return {to, from, weight}; }
};

// Against sums in double; bf16 rows are added in f32. Columns behind a view stay as they are.
TEST(WeightedRows, AreTheSumsOfTheirTerms) {
  const TermsOfRows lists;
  on_every_path([&] {
    Stream stream(2);
    for (const std::int64_t width : kWidths)
      for (const auto& [in, out] :
           {std::pair{DType::f32, DType::f32}, {DType::bf16, DType::f32}, {DType::f64, DType::f64}})
        for (const bool add : {false, true}) {
          const Tensor x = random_matrix(5, width, in, 1, 3), y = strided(4, width, 5, out);
          const Tensor before = fill_random(y, 2);
          std::vector<double> sums(static_cast<std::size_t>(4 * width));
          for (std::int64_t i = 0; add && i < 4 * width; ++i)
            sums[static_cast<std::size_t>(i)] = get(before, i / width, i % width);
          for (std::size_t j = 0; j < lists.to.size(); ++j)
            for (std::int64_t c = 0; c < width; ++c)
              sums[static_cast<std::size_t>(lists.to[j] * width + c)] +=
                  static_cast<double>(lists.weight[j]) * get(x, lists.from[j], c);
          add_weighted_rows(stream, lists.terms(), x, {y, add});
          const double bound = out == DType::f64 ? 1e-14 : 2e-6;
          for (std::int64_t i = 0; i < 4 * width; ++i)
            ASSERT_NEAR(get(y, i / width, i % width), sums[static_cast<std::size_t>(i)], bound)
                << width << " " << i;
          EXPECT_TRUE(gap_untouched(y, 5));
        }
  });
}

TEST(WeightedRows, GiveTheSameBitsOnEveryPathAndForAnyThreadCount) {
  const TermsOfRows lists;
  for (const DType in : {DType::f32, DType::bf16}) {
    const Tensor x = random_matrix(5, 1000, in, 1);
    expect_same_bits([&](Stream& stream) {
      const Tensor y = strided(4, 1000, 0, DType::f32);
      add_weighted_rows(stream, lists.terms(), x, {y});
      return bytes_of(y);
    });
  }
}

// The backward pass is the same sum with the lists exchanged: <Sx, y> = <x, Sᵀy>.
TEST(WeightedRows, ExchangedListsAreTheTransposedSum) {
  const TermsOfRows lists;
  Stream stream(1);
  const Tensor x = random_matrix(5, 17, DType::f64, 1), w = random_matrix(4, 17, DType::f64, 2);
  const Tensor y = Tensor::zeros({4, 17}, DType::f64), back = Tensor::zeros({5, 17}, DType::f64);
  add_weighted_rows(stream, lists.terms(), x, {y});
  add_weighted_rows(stream, {lists.from, lists.to, lists.weight}, w, {back});
  EXPECT_NEAR(dot(y, w), dot(x, back), 1e-12);
}

TEST(WeightedRows, RefuseOtherTypesAndWidths) {
  Stream stream(1);
  const TermsOfRows lists;
  const auto with = [&](DType in, DType out, std::int64_t cols) {
    add_weighted_rows(stream, lists.terms(), random_matrix(5, 6, in, 1),
                      {Tensor::zeros({4, cols}, out)});
  };
  expect_refused([&] { with(DType::f32, DType::bf16, 6); }, "weighted_rows");
  expect_refused([&] { with(DType::f64, DType::f32, 6); }, "weighted_rows");
  expect_refused([&] { with(DType::f32, DType::f32, 7); }, "weighted_rows");
  add_weighted_rows(stream, lists.terms(), random_matrix(5, 6, DType::f32, 1), {});  // not wanted
}

}  // namespace
}  // namespace stemma::kernels
