#include "kernels/host.h"

#include "tests/kernels/row_kernels_support.h"

namespace stemma::kernels {
namespace {

using namespace stemma::test;

TEST(Host, ReadsAScalarOfEveryType) {
  Stream stream(1);
  for (const DType type : {DType::f32, DType::bf16, DType::f64}) {
    const Tensor x = Tensor::zeros({1}, type);
    set(x, 0, 0, -2.5);
    EXPECT_EQ(read_scalar(stream, x), -2.5);
  }
  expect_refused([&] { read_scalar(stream, Tensor::zeros({2}, DType::f64)); },
                 "one element, got [2]");
  expect_refused([&] { read_scalar(stream, {}); }, "got nothing");
}

TEST(Host, CopiesRowsWithoutTheirGaps) {
  Stream stream(1);
  const Tensor x = random_matrix(5, 7, DType::f32, 1, 3);
  const std::vector<float> values = to_host<float>(stream, x);
  ASSERT_EQ(values.size(), 35u);
  for (std::int64_t r = 0; r < 5; ++r)
    for (std::int64_t c = 0; c < 7; ++c)
      EXPECT_EQ(static_cast<double>(values[static_cast<std::size_t>(7 * r + c)]), get(x, r, c));

  const Tensor y = strided(5, 7, 2, DType::f32);
  copy_from_host(stream, std::span<const float>(values), y);
  EXPECT_EQ(bytes_of(y), bytes_of(x));
  EXPECT_TRUE(gap_untouched(y, 2));
}

TEST(Host, GivesItsOwnMemoryWhereRowsHaveNoGaps) {
  Stream stream(1);
  std::vector<float> buffer;
  const Tensor x = random_matrix(3, 4, DType::f32, 5, 0);
  EXPECT_EQ(on_host(stream, x, buffer).data(), x.data<float>());
  EXPECT_TRUE(buffer.empty());
  const Tensor y = random_matrix(3, 4, DType::f32, 6, 2);
  const std::span<const float> copy = on_host(stream, y, buffer);
  EXPECT_EQ(copy.data(), buffer.data());
  EXPECT_EQ(buffer, to_host<float>(stream, y));
  expect_refused([&] { on_host(stream, Tensor::zeros({2}, DType::f64), buffer); }, "asked for");
}

TEST(Host, CopiesIntegersAndNothing) {
  Stream stream(1);
  const Tensor x = Tensor::zeros({3}, DType::i32);
  const std::vector<std::int32_t> ids = {5, -1, 7};
  copy_from_host(stream, std::span<const std::int32_t>(ids), x);
  EXPECT_EQ(to_host<std::int32_t>(stream, x), ids);
  EXPECT_TRUE(to_host<double>(stream, Tensor::zeros({0, 4}, DType::f64)).empty());
}

TEST(Host, RefusesAnotherTypeAndSize) {
  Stream stream(1);
  const Tensor x = Tensor::zeros({2, 3}, DType::f32);
  expect_refused([&] { to_host<double>(stream, x); }, "f32 [2, 3] asked for as f64");
  std::vector<float> few(5);
  expect_refused([&] { copy_to_host(stream, x, std::span<float>(few)); }, "has 24 bytes");
  expect_refused([&] { copy_from_host(stream, std::span<const float>(few), x); }, "has 20");
}

}  // namespace
}  // namespace stemma::kernels
