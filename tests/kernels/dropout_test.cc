#include "kernels/elementwise.h"
#include "tests/kernels/row_kernels_support.h"

namespace stemma::kernels {
namespace {

using namespace stemma::test;

// Rows of sequences of 3, 0, 5 and the rest.
struct Sites {
  std::vector<std::int32_t> positions;
  std::vector<std::int64_t> numbers = {7, 2, 11, 4};
  std::vector<std::int64_t> offsets;

  explicit Sites(std::int64_t rows) : offsets{0, 3, 3, 8, rows} {
    for (std::int64_t row = 0; row < rows; ++row)
      positions.push_back(static_cast<std::int32_t>(row < 3 ? row : row < 8 ? row - 3 : row - 8));
  }
  DropoutSites get() const {
    return {philox_key(0x123456789ABCDEFull), 42, positions, numbers, offsets};
  }
};

TEST(Dropout, FollowsTheRuleOfTheHeader) {
  const std::int64_t rows = 10;
  const Sites sites(rows);
  on_every_path([&] {
    Stream stream(2);
    for (const DType type : {DType::f32, DType::f64})
      for (const std::int64_t cols : {1, 3, 17, 768, 1029, 2050})
        for (const bool with_base : {false, true})
          for (const bool adding : {false, true}) {
            const float p = 0.3f;
            const Tensor x = random_matrix(rows, cols, type, 1, 1);
            const Tensor base = with_base ? random_matrix(rows, cols, type, 2) : Tensor();
            const Tensor y = random_matrix(rows, cols, type, 3, 2);
            const Tensor before = random_matrix(rows, cols, type, 3);
            dropout(stream, sites.get(), p, x, base, {y, adding});
            EXPECT_TRUE(gap_untouched(y, 2));
            for (std::int64_t row = 0; row < rows; ++row) {
              const std::uint32_t number = row < 3 ? 7 : row < 8 ? 11 : 4;
              const std::uint32_t position =
                  static_cast<std::uint32_t>(sites.positions[static_cast<std::size_t>(row)]);
              for (std::int64_t c = 0; c < cols; ++c) {
                const auto words =
                    philox(philox_key(0x123456789ABCDEFull),
                           {static_cast<std::uint32_t>(c / 4), position, number, 42});
                const bool kept = philox_uniform(words[static_cast<std::size_t>(c % 4)]) >= p;
                double expected = kept ? get(x, row, c) / (1.0 - static_cast<double>(p)) : 0;
                if (with_base) expected += get(base, row, c);
                if (adding) expected += get(before, row, c);
                ASSERT_NEAR(get(y, row, c), expected, type == DType::f32 ? 2e-6 : 1e-14)
                    << row << " " << c;
              }
            }
          }
  });
}

TEST(Dropout, KeepsTheRightShareAndTheMean) {
  const std::int64_t rows = 400, cols = 1000;
  const Sites sites(rows);
  Stream stream(2);
  const Tensor x = Tensor::zeros({rows, cols}, DType::f32),
               y = Tensor::zeros({rows, cols}, DType::f32);
  for (std::int64_t i = 0; i < x.elements(); ++i) x.data<float>()[i] = 1;
  for (const float p : {0.0f, 0.1f, 0.5f, 0.9f}) {
    dropout(stream, sites.get(), p, x, {}, {y});
    double kept = 0, sum = 0;
    for (std::int64_t i = 0; i < y.elements(); ++i) {
      kept += y.data<float>()[i] != 0;
      sum += static_cast<double>(y.data<float>()[i]);
    }
    // Five standard deviations of a binomial share.
    const double n = static_cast<double>(rows * cols), share = 1 - static_cast<double>(p);
    EXPECT_NEAR(kept / n, share, 5 * std::sqrt(share * (1 - share) / n));
    EXPECT_NEAR(sum / n, 1, 5 * std::sqrt((1 - share) / share / n) + 1e-6);
  }
}

TEST(Dropout, SameBitsForAnyThreadsAndPathAndInPlace) {
  const std::int64_t rows = 300, cols = 771;
  const Sites sites(rows);
  const Tensor x = random_matrix(rows, cols, DType::f32, 1),
               base = random_matrix(rows, cols, DType::f32, 2);
  std::vector<char> bytes;
  expect_same_bits([&](Stream& stream) {
    const Tensor y = Tensor::zeros({rows, cols}, DType::f32);
    dropout(stream, sites.get(), 0.2f, x, base, {y});
    return bytes = bytes_of(y);
  });
  Stream stream(2);
  const Tensor on_base = random_matrix(rows, cols, DType::f32, 2);
  dropout(stream, sites.get(), 0.2f, x, on_base, {on_base});
  EXPECT_EQ(bytes_of(on_base), bytes);
  dropout(stream, sites.get(), 0.2f, x, base, {x});
  EXPECT_EQ(bytes_of(x), bytes);
}

// A micro-batch of one sequence drops what the whole batch drops.
TEST(Dropout, DoesNotDependOnTheBatch) {
  const std::int64_t rows = 20, cols = 100;
  const Sites sites(rows);
  Stream stream(2);
  const Tensor x = random_matrix(rows, cols, DType::f32, 1),
               y = Tensor::zeros({rows, cols}, DType::f32),
               part = Tensor::zeros({5, cols}, DType::f32);
  dropout(stream, sites.get(), 0.5f, x, {}, {y});
  const std::vector<std::int32_t> positions = {0, 1, 2, 3, 4};
  const std::vector<std::int64_t> numbers = {11}, offsets = {0, 5};
  dropout(stream, {philox_key(0x123456789ABCDEFull), 42, positions, numbers, offsets}, 0.5f,
          x.slice_rows(3, 8), {}, {part});
  EXPECT_EQ(bytes_of(part), bytes_of(y.slice_rows(3, 8)));
}

TEST(Dropout, GradientMatchesFiniteDifferences) {
  const Sites sites(10);
  Stream stream(1);
  const Tensor x = random_matrix(10, 7, DType::f64, 1), dy = random_matrix(10, 7, DType::f64, 2);
  const Tensor dx = Tensor::zeros({10, 7}, DType::f64), y = Tensor::zeros({10, 7}, DType::f64);
  dropout(stream, sites.get(), 0.4f, dy, {}, {dx});
  expect_gradient(x, dx, [&] {
    dropout(stream, sites.get(), 0.4f, x, {}, {y});
    return dot(y, dy);
  });
}

TEST(Dropout, RefusesBadArguments) {
  const Sites sites(10);
  Stream stream(1);
  const Tensor x = random_matrix(10, 7, DType::f32, 1), less = random_matrix(9, 7, DType::f32, 1);
  expect_refused([&] { dropout(stream, sites.get(), 1.0f, x, {}, {x}); },
                 "must be in [0, 1), got 1");
  expect_refused([&] { dropout(stream, sites.get(), -0.1f, x, {}, {x}); }, "must be in [0, 1)");
  expect_refused([&] { dropout(stream, sites.get(), NAN, x, {}, {x}); }, "must be in [0, 1)");
  expect_refused([&] { dropout(stream, sites.get(), 0.1f, less, {}, {less}); },
                 "9 rows need 9 positions");
  expect_refused([&] { dropout(stream, sites.get(), 0.1f, x, less, {x}); }, "base must be [10, 7]");
  dropout(stream, sites.get(), 0.1f, x, {}, {});
}

}  // namespace
}  // namespace stemma::kernels
