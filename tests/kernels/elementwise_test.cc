#include "kernels/elementwise.h"

#include <numbers>

#include "kernels/cpu/activation.h"
#include "tests/kernels/row_kernels_support.h"

namespace stemma::kernels {
namespace {

using namespace stemma::test;

const std::vector<DType> kTypes = {DType::f32, DType::bf16, DType::f16, DType::f64};

TEST(Elementwise, ConvertsBetweenAllTypes) {
  on_every_path([] {
    Stream stream(2);
    for (const DType from : kTypes)
      for (const DType to : kTypes)
        for (const std::int64_t cols : {1, 3, 17, 1000, 17000})
          for (const std::int64_t gap : {0, 3}) {
            const Tensor x = random_matrix(5, cols, from, 1, gap), y = strided(5, cols, gap, to);
            convert(stream, x, y);
            EXPECT_TRUE(gap_untouched(y, gap));
            const Tensor expected = Tensor::zeros({5, cols}, to);
            for (std::int64_t r = 0; r < 5; ++r)
              for (std::int64_t c = 0; c < cols; ++c) set(expected, r, c, get(x, r, c));
            ASSERT_EQ(bytes_of(y), bytes_of(expected));
          }
  });
}

TEST(Elementwise, RoundsToBf16AsTheScalarRule) {
  const std::vector<float> values = {
      0.0f,      -0.0f, 1.0f + 0x1p-8f,    1.0f + 0x3p-8f, 0x1.fffffep127f, INFINITY,
      -INFINITY, NAN,   -1.0f - 0x1.8p-8f, 0x1.00ffp0f};
  on_every_path([&] {
    Stream stream(1);
    const std::int64_t n = static_cast<std::int64_t>(values.size());
    const Tensor x = Tensor::zeros({1, 3 * n}, DType::f32),
                 y = Tensor::zeros({1, 3 * n}, DType::bf16);
    for (std::int64_t i = 0; i < 3 * n; ++i)
      x.data<float>()[i] = values[static_cast<std::size_t>(i % n)];
    convert(stream, x, y);
    for (std::int64_t i = 0; i < 3 * n; ++i)
      EXPECT_EQ(y.data<bf16>()[i].bits, to_bf16(x.data<float>()[i]).bits) << i;
  });
}

TEST(Elementwise, AddsOrOverwrites) {
  on_every_path([] {
    Stream stream(2);
    for (const DType type : {DType::f32, DType::f64})
      for (const std::int64_t cols : kWidths)
        for (const bool adding : {false, true}) {
          const Tensor x = random_matrix(37, cols, type, 1),
                       y = random_matrix(37, cols, type, 2, 2);
          const Tensor expected = random_matrix(37, cols, type, 2);
          for (std::int64_t r = 0; r < 37; ++r)
            for (std::int64_t c = 0; c < cols; ++c)
              set(expected, r, c, (adding ? get(expected, r, c) : 0) + get(x, r, c));
          add(stream, x, {y, adding});
          EXPECT_EQ(bytes_of(y), bytes_of(expected));
          EXPECT_TRUE(gap_untouched(y, 2));
        }
    add(stream, random_matrix(2, 2, DType::f32, 1), {});
  });
}

const std::vector<Activation> kActivations = {Activation::gelu_tanh,  Activation::gelu_erf,
                                              Activation::relu,       Activation::silu,
                                              Activation::quick_gelu, Activation::tanh};

double reference(Activation kind, double x) {
  switch (kind) {
    case Activation::none:
      return x;
    case Activation::gelu_tanh:
      return x / (1 + std::exp(-2 * std::sqrt(2 / std::numbers::pi) * (x + 0.044715 * x * x * x)));
    case Activation::gelu_erf:
      return x * 0.5 * std::erfc(-x / std::numbers::sqrt2);
    case Activation::relu:
      return std::max(x, 0.0);
    case Activation::silu:
      return x / (1 + std::exp(-x));
    case Activation::quick_gelu:
      return x / (1 + std::exp(-1.702 * x));
    case Activation::tanh:
      return std::tanh(x);
  }
  return x;
}

// torch.nn.functional.gelu, relu, silu, QuickGELUActivation of transformers and torch.tanh in f64,
// and their gradients.
TEST(Elementwise, ActivationsMatchPyTorch) {
  const std::vector<double> x = {-6, -3, -1.5, -0.5, -0.01, 0, 0.01, 0.5, 1.5, 3, 6};
  const struct {
    Activation kind;
    std::vector<double> y, slope;
  } cases[] = {{Activation::gelu_tanh,
                {-8.43964898e-11, -0.00363739208, -0.100428423, -0.15428599, -0.00496010644, 0,
                 0.00503989356, 0.34571401, 1.39957158, 2.99636261, 6},
                {-7.70997601e-10, -0.0115841666, -0.127710793, 0.132630096, 0.492021422, 0.5,
                 0.507978578, 0.867369904, 1.12771079, 1.01158417, 1}},
               {Activation::gelu_erf,
                {-5.91952587e-09, -0.00404969409, -0.100210802, -0.154268769, -0.00496010644, 0,
                 0.00503989356, 0.345731231, 1.3997892, 2.99595031, 5.99999999},
                {-3.54687095e-08, -0.0119456472, -0.127469192, 0.132504875, 0.49202142, 0.5,
                 0.50797858, 0.867495125, 1.12746919, 1.01194565, 1.00000004}},
               {Activation::relu,
                {0, 0, 0, 0, 0, 0, 0.01, 0.5, 1.5, 3, 6},
                {0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1}},
               {Activation::silu,
                {-0.0148357389, -0.14227762, -0.273638286, -0.188770334, -0.00497500021, 0,
                 0.00502499979, 0.311229666, 1.22636171, 2.85772238, 5.98516426},
                {-0.0123264326, -0.088104106, -0.0412941543, 0.260038813, 0.495000083, 0.5,
                 0.504999917, 0.739961187, 1.04129415, 1.08810411, 1.01232643}},
               {Activation::quick_gelu,
                {-0.00022035355, -0.0180713097, -0.108337802, -0.149611563, -0.00495745103, 0,
                 0.00504254897, 0.350388437, 1.3916622, 2.98192869, 5.99977965},
                {-0.000338302376, -0.0245483239, -0.0988480646, 0.120778088, 0.491490411, 0.5,
                 0.508509589, 0.879221912, 1.09884806, 1.02454832, 1.0003383}},
               {Activation::tanh,
                {-0.999987712, -0.995054754, -0.905148254, -0.462117157, -0.00999966668, 0,
                 0.00999966668, 0.462117157, 0.905148254, 0.995054754, 0.999987712},
                {2.45765474e-05, 0.00986603717, 0.180706639, 0.786447733, 0.999900007, 1,
                 0.999900007, 0.786447733, 0.180706639, 0.00986603717, 2.45765474e-05}}};
  on_every_path([&] {
    Stream stream(1);
    for (const auto& test : cases)
      for (const DType type : {DType::f32, DType::f64}) {
        const Tensor in = Tensor::zeros({1, 11}, type), y = Tensor::zeros({1, 11}, type),
                     ones = Tensor::zeros({1, 11}, type), dx = Tensor::zeros({1, 11}, type);
        for (std::int64_t i = 0; i < 11; ++i)
          set(in, 0, i, x[static_cast<std::size_t>(i)]), set(ones, 0, i, 1);
        activation_forward(stream, test.kind, in, y);
        activation_backward(stream, test.kind, in, ones, dx);
        for (std::int64_t i = 0; i < 11; ++i) {
          const std::size_t at = static_cast<std::size_t>(i);
          EXPECT_NEAR(get(y, 0, i), test.y[at], 3e-7 * std::abs(test.y[at]) + 1e-9);
          EXPECT_NEAR(get(dx, 0, i), test.slope[at], 3e-7);
        }
      }
  });
}

// Relative error, which grows with x² in the tail of the exponential of a GELU and with x in that
// of a sigmoid.
TEST(Elementwise, ActivationsAreAccurateOverTheWholeRange) {
  on_every_path([] {
    Stream stream(1);
    for (const Activation kind : kActivations) {
      const std::int64_t n = 40001;
      const Tensor x = Tensor::zeros({1, n}, DType::f32), y = Tensor::zeros({1, n}, DType::f32);
      for (std::int64_t i = 0; i < n; ++i) set(x, 0, i, static_cast<double>(i - 20000) * 6e-4);
      activation_forward(stream, kind, x, y);
      for (std::int64_t i = 0; i < n; ++i) {
        const double in = get(x, 0, i), expected = reference(kind, in);
        const bool gelu = kind == Activation::gelu_tanh || kind == Activation::gelu_erf;
        const double unit = gelu ? 5e-7 + 1.3e-7 * in * in : 4e-7 + 1.3e-7 * std::abs(in);
        ASSERT_NEAR(get(y, 0, i), expected, std::abs(expected) * unit + 1e-36) << in;
      }
    }
    const Tensor far = Tensor::zeros({1, 4}, DType::f32), out = Tensor::zeros({1, 4}, DType::f32);
    const Tensor ones = Tensor::zeros({1, 4}, DType::f32);
    const double values[] = {1e30, -1e30, 500, -500};
    for (int i = 0; i < 4; ++i) set(far, 0, i, values[i]), set(ones, 0, i, 1);
    for (const Activation kind : kActivations) {
      const bool bounded = kind == Activation::tanh;
      activation_forward(stream, kind, far, out);
      for (int i = 0; i < 4; ++i)
        EXPECT_FLOAT_EQ(
            static_cast<float>(get(out, 0, i)),
            static_cast<float>(bounded ? std::copysign(1.0, values[i]) : std::max(values[i], 0.0)));
      activation_backward(stream, kind, far, ones, out);
      for (int i = 0; i < 4; ++i)
        EXPECT_NEAR(get(out, 0, i), values[i] > 0 && !bounded ? 1 : 0, 1e-36);
    }
  });
}

// tanh where 1 - e^(-2x) would cancel, down to the smallest numbers; NaN stays NaN everywhere.
TEST(Elementwise, TanhKeepsItsRelativeErrorNearZeroAndNanStaysNan) {
  on_every_path([] {
    Stream stream(1);
    const std::int64_t n = 4000;
    const Tensor x = Tensor::zeros({1, n}, DType::f32), y = Tensor::zeros({1, n}, DType::f32);
    for (std::int64_t i = 0; i < n; ++i)
      set(x, 0, i, std::pow(10.0, -30 + static_cast<double>(i) / 125) * (i % 2 ? 1 : -1));
    activation_forward(stream, Activation::tanh, x, y);
    for (std::int64_t i = 0; i < n; ++i) {
      const double expected = std::tanh(get(x, 0, i));
      ASSERT_NEAR(get(y, 0, i), expected, std::abs(expected) * 2.5e-7) << get(x, 0, i);
    }
    const Tensor nan = Tensor::zeros({1, 1}, DType::f32), out = Tensor::zeros({1, 1}, DType::f32);
    set(nan, 0, 0, NAN);
    for (const Activation kind : kActivations) {
      activation_forward(stream, kind, nan, out);
      EXPECT_TRUE(std::isnan(get(out, 0, 0))) << static_cast<int>(kind);
    }
  });
}

TEST(Elementwise, ActivationsHaveTheSameBitsOnEveryPath) {
  const Tensor x = random_matrix(50, 1000, DType::f32, 1),
               dy = random_matrix(50, 1000, DType::f32, 2);
  for (const Activation kind : kActivations)
    expect_same_bits([&](Stream& stream) {
      const Tensor y = Tensor::zeros({50, 1000}, DType::f32);
      activation_forward(stream, kind, x, y);
      std::vector<char> all = bytes_of(y);
      activation_backward(stream, kind, x, dy, y);
      const std::vector<char> more = bytes_of(y);
      all.insert(all.end(), more.begin(), more.end());
      return all;
    });
}

TEST(Elementwise, ActivationGradientsMatchFiniteDifferences) {
  Stream stream(1);
  for (int i = 0; i <= static_cast<int>(Activation::tanh); ++i) {
    const Activation kind = Activation(i);
    const Tensor x = random_matrix(3, 17, DType::f64, 1, 2),
                 dy = random_matrix(3, 17, DType::f64, 2);
    const Tensor dx = strided(3, 17, 1, DType::f64), y = Tensor::zeros({3, 17}, DType::f64);
    activation_backward(stream, kind, x, dy, dx);
    EXPECT_TRUE(gap_untouched(dx, 1));
    expect_gradient(x, dx, [&] {
      activation_forward(stream, kind, x, y);
      return dot(y, dy);
    });
  }
}

// bf16 in and out is f32 with rounded ends, and a value does not depend on where it stands.
TEST(Elementwise, ActivationOfBf16AndOfPiecesGivesTheSameValues) {
  on_every_path([] {
    Stream stream(2);
    for (int i = 0; i <= static_cast<int>(Activation::tanh); ++i)
      for (const std::int64_t cols : {1, 17, 1000, 20000}) {
        const Activation kind = Activation(i);
        const Tensor half = random_matrix(3, cols, DType::bf16, 1, 1);
        const Tensor x = Tensor::zeros({3, cols}, DType::f32),
                     y = Tensor::zeros({3, cols}, DType::f32);
        convert(stream, half, x);
        activation_forward(stream, kind, x, y);
        for (std::int64_t c = 0; c < cols; ++c) {
          float one = x.data<float>()[c];
          cpu::activate(kind, &one, &one, 1);
          ASSERT_EQ(static_cast<double>(one), get(y, 0, c));
        }
        const Tensor from_half = strided(3, cols, 2, DType::f32),
                     to_half = strided(3, cols, 2, DType::bf16),
                     rounded = Tensor::zeros({3, cols}, DType::bf16);
        activation_forward(stream, kind, half, from_half);
        EXPECT_EQ(bytes_of(from_half), bytes_of(y));
        activation_forward(stream, kind, half, to_half);
        convert(stream, y, rounded);
        EXPECT_EQ(bytes_of(to_half), bytes_of(rounded));
        EXPECT_TRUE(gap_untouched(to_half, 2));
        activation_forward(stream, kind, x, to_half);
        EXPECT_EQ(bytes_of(to_half), bytes_of(rounded));
        // Backward in place, from either type of x.
        const Tensor dy = random_matrix(3, cols, DType::f32, 2),
                     dx = random_matrix(3, cols, DType::f32, 2);
        activation_backward(stream, kind, x, dy, y);
        activation_backward(stream, kind, half, dx, dx);
        EXPECT_EQ(bytes_of(dx), bytes_of(y));
      }
  });
}

TEST(Elementwise, SumsRowsInFixedBlocks) {
  on_every_path([] {
    Stream stream(3);
    for (const DType type : {DType::f32, DType::f64})
      for (const std::int64_t rows : {0, 1, 255, 256, 257, 600})
        for (const std::int64_t cols : {1, 17, 1027}) {
          const Tensor x = random_matrix(rows, cols, type, 1, 2);
          const Tensor out = random_vector(cols, type, 2), expected = random_vector(cols, type, 2);
          const Tensor fresh = random_vector(cols, type, 3);
          for (std::int64_t c = 0; c < cols; ++c) {
            double total = 0;
            for (std::int64_t r = 0; r < rows; ++r) total += get(x, r, c);
            set(fresh, 0, c, total);
            set(expected, 0, c, get(expected, 0, c) + total);
          }
          const double tolerance = type == DType::f64 ? 1e-11 : 2e-4;
          sum_rows(stream, x, {out, true});
          for (std::int64_t c = 0; c < cols; ++c)
            ASSERT_NEAR(get(out, 0, c), get(expected, 0, c), tolerance);
          sum_rows(stream, x, {out, false});
          for (std::int64_t c = 0; c < cols; ++c)
            ASSERT_NEAR(get(out, 0, c), get(fresh, 0, c), tolerance);
        }
    sum_rows(stream, random_matrix(2, 2, DType::f32, 1), {});
  });
}

// The order of the sum is part of the contract: f32 blocks of 256 rows, then the blocks.
TEST(Elementwise, RowSumsHaveTheOrderOfTheContract) {
  const Tensor x = random_matrix(600, 33, DType::f32, 1);
  std::vector<float> expected(33, 0.0f);
  for (std::int64_t c = 0; c < 33; ++c)
    for (std::int64_t block = 0; block < 600; block += 256) {
      float sum = 0;
      for (std::int64_t r = block; r < std::min<std::int64_t>(block + 256, 600); ++r)
        sum += static_cast<float>(get(x, r, c));
      expected[static_cast<std::size_t>(c)] += sum;
    }
  expect_same_bits([&](Stream& stream) {
    const Tensor out = Tensor::zeros({33}, DType::f32);
    sum_rows(stream, x, {out});
    for (std::int64_t c = 0; c < 33; ++c)
      EXPECT_EQ(get(out, 0, c), static_cast<double>(expected[static_cast<std::size_t>(c)]));
    return bytes_of(out);
  });
}

TEST(Elementwise, SumOfSquaresIsExactToF64) {
  for (const std::int64_t n : {0, 1, 7, 65535, 65537, 300001}) {
    const Tensor x = random_matrix(1, n, DType::f32, 1);
    const std::span<const float> values(x.data<float>(), static_cast<std::size_t>(n));
    double expected = 0;
    for (const float v : values) expected += static_cast<double>(v) * static_cast<double>(v);
    expect_same_bits([&](Stream& stream) {
      const double sum = sum_of_squares(stream, values);
      EXPECT_NEAR(sum, expected, 1e-12 * (1 + expected));
      std::vector<char> bytes(8);
      std::memcpy(bytes.data(), &sum, 8);
      return bytes;
    });
  }
}

TEST(Elementwise, RefusesWrongShapesAndTypes) {
  Stream stream(1);
  const Tensor x = random_matrix(2, 3, DType::f32, 1), other = random_matrix(3, 3, DType::f32, 1);
  const Tensor wide = random_matrix(2, 3, DType::f64, 1);
  expect_refused([&] { convert(stream, x, other); }, "[convert] y must be [2, 3]");
  expect_refused([&] { convert(stream, x, {}); }, "got nothing");
  expect_refused([&] { add(stream, x, {other}); }, "[add] out must be [2, 3]");
  expect_refused([&] { add(stream, x, {wide}); }, "[add] no kernel for f32 and f64");
  expect_refused([&] { activation_forward(stream, Activation::gelu_erf, x, wide); }, "no kernel");
  expect_refused([&] { activation_backward(stream, Activation::none, x, x, other); }, "dx must be");
  expect_refused([&] { sum_rows(stream, x, {other}); }, "[sum_rows] out must be [3]");
}

TEST(Elementwise, Fills) {
  Stream stream(3);
  for (const DType type : kTypes)
    for (const std::int64_t cols : {1, 17, 20000})
      for (const double value : {0.0, 1.0, -1.25}) {
        const Tensor y = strided(5, cols, 2, type);
        fill(stream, y, value);
        EXPECT_TRUE(gap_untouched(y, 2));
        for (std::int64_t r = 0; r < 5; ++r)
          for (std::int64_t c = 0; c < cols; ++c) ASSERT_EQ(get(y, r, c), value);
      }
  fill(stream, Tensor::zeros({0, 3}, DType::f32), 1);
  expect_refused([&] { fill(stream, Tensor::zeros({2}, DType::i32), 1); }, "no kernel for i32");
}

// The order shows where a small number is lost beside a large one: 1 + 2^53 is 2^53.
TEST(Elementwise, SumsInAscendingOrder) {
  Stream stream(3);
  const auto sum = [&](const std::vector<double>& values, double scale) {
    const Tensor x = Tensor::zeros({static_cast<std::int64_t>(values.size()), 1}, DType::f64);
    std::copy(values.begin(), values.end(), x.data<double>());
    const Tensor out = Tensor::zeros({1}, DType::f64);
    sum_ascending(stream, x, scale, out);
    return *out.data<double>();
  };
  EXPECT_EQ(sum({1, 0x1p53, -0x1p53}, 1), 0);
  EXPECT_EQ(sum({0x1p53, -0x1p53, 1}, 1), 1);
  EXPECT_EQ(sum({1, 2, 3.5}, 0.5), 3.25);
  EXPECT_EQ(sum({}, 0.5), 0);
  const Tensor one = Tensor::zeros({1}, DType::f64), f32 = Tensor::zeros({4}, DType::f32);
  expect_refused([&] { sum_ascending(stream, f32, 1, one); }, "x must be [4] f64");
  expect_refused([&] { sum_ascending(stream, Tensor::zeros({4}, DType::f64), 1, f32); },
                 "out must be [1] f64");
}

}  // namespace
}  // namespace stemma::kernels
