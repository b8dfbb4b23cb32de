#include "kernels/rms_norm.h"

#include "tests/kernels/row_kernels_support.h"

namespace stemma::kernels {
namespace {

using namespace stemma::test;

struct Rms {
  Tensor x, gain, y, rstd;
};

Rms make_rms(std::int64_t rows, std::int64_t cols, DType type, std::int64_t gap = 0) {
  return {random_matrix(rows, cols, type, 1, gap), random_vector(cols, type, 2),
          strided(rows, cols, gap, type), Tensor::zeros({rows}, type)};
}

void forward(Stream& stream, const Rms& n, float eps = 1e-5f) {
  rms_norm_forward(stream, n.x, n.gain, eps, n.y, n.rstd);
}

void expect_rms(const Rms& n, double eps, double tolerance) {
  const std::int64_t cols = n.x.cols();
  for (std::int64_t r = 0; r < n.x.rows(); ++r) {
    double mean = 0;
    for (std::int64_t c = 0; c < cols; ++c)
      mean += std::pow(get(n.x, r, c), 2) / static_cast<double>(cols);
    const double rstd = 1 / std::sqrt(mean + eps);
    EXPECT_NEAR(get(n.rstd, 0, r) / rstd, 1, tolerance);
    for (std::int64_t c = 0; c < cols; ++c)
      ASSERT_NEAR(get(n.y, r, c), get(n.x, r, c) * rstd * get(n.gain, 0, c), tolerance * 10)
          << r << " " << c;
  }
}

TEST(RmsNorm, MatchesDoubleArithmeticOnEveryPath) {
  on_every_path([] {
    Stream stream(2);
    for (const std::int64_t cols : kWidths)
      for (const std::int64_t gap : {0, 5}) {
        const Rms n = make_rms(37, cols, DType::f32, gap);
        forward(stream, n);
        expect_rms(n, static_cast<double>(1e-5f), 1e-6);
        EXPECT_TRUE(gap_untouched(n.y, gap));
        const Rms wide = make_rms(5, cols, DType::f64, gap);
        forward(stream, wide);
        expect_rms(wide, static_cast<double>(1e-5f), 1e-13);
      }
  });
}

TEST(RmsNorm, RoundsToBf16) {
  on_every_path([] {
    Stream stream(2);
    for (const std::int64_t cols : kWidths) {
      const Rms n = make_rms(9, cols, DType::f32);
      forward(stream, n);
      const Tensor half = strided(9, cols, 3, DType::bf16);
      rms_norm_forward(stream, n.x, n.gain, 1e-5f, half, {});
      EXPECT_TRUE(gap_untouched(half, 3));
      for (std::int64_t r = 0; r < 9; ++r)
        for (std::int64_t c = 0; c < cols; ++c)
          ASSERT_EQ(get(half, r, c), to_float(to_bf16(static_cast<float>(get(n.y, r, c)))));
    }
  });
}

// torch.nn.functional.rms_norm in f64 and its gradients (PyTorch 2.15). LlamaRMSNorm of
// transformers gives the same in f32 within 2e-7.
TEST(RmsNorm, MatchesPyTorch) {
  const std::vector<double> x = {0.1, -0.7, 1.3, 2.0, -0.4, 3.0, 2.5, -1.0, 0.25, 0.75};
  const std::vector<double> gain = {1.0, 0.5, -0.25, 2.0, 1.5};
  const std::vector<double> dy = {1.0, -2.0, 0.5, 0.25, -0.75, 0.3, 0.6, -0.9, 1.2, -1.5};
  const std::vector<double> y = {0.0887353016, -0.310573556, -0.28838973, 3.54941206,  -0.53241181,
                                 1.63299074,   0.680412809,  0.136082562, 0.272165124, 0.612371528};
  const std::vector<double> dx = {0.858182389,  -0.683158625, -0.490137282, -0.139736039,
                                  -0.881589634, 0.130639353,  0.136082641,  0.133360878,
                                  1.303671,     -1.23290799};
  const std::vector<double> dgain = {0.578632544, 2.05878963, 1.06667667, 0.606975589,
                                     -0.346165624};
  const auto put = [](const Tensor& t, const std::vector<double>& values) {
    for (std::int64_t i = 0; i < t.elements(); ++i)
      set(t, i / t.cols(), i % t.cols(), values[static_cast<std::size_t>(i)]);
  };
  const auto near = [](const Tensor& t, const std::vector<double>& values) {
    for (std::int64_t i = 0; i < t.elements(); ++i)
      EXPECT_NEAR(get(t, i / t.cols(), i % t.cols()), values[static_cast<std::size_t>(i)], 1e-6);
  };
  on_every_path([&] {
    for (const DType type : {DType::f32, DType::f64}) {
      Stream stream(1);
      const Rms n = make_rms(2, 5, type);
      put(n.x, x), put(n.gain, gain);
      forward(stream, n);
      near(n.y, y);
      const Tensor grad = Tensor::zeros({2, 5}, type);
      put(grad, dy);
      const Tensor to_x = Tensor::zeros({2, 5}, type), to_gain = Tensor::zeros({5}, type);
      rms_norm_backward(stream, {grad, n.x, n.gain, n.rstd, {to_x}, {to_gain}});
      near(to_x, dx), near(to_gain, dgain);
    }
  });
}

TEST(RmsNorm, GradientsMatchFiniteDifferences) {
  Stream stream(2);
  const Rms n = make_rms(3, 19, DType::f64, 2);
  const Tensor dy = random_matrix(3, 19, DType::f64, 9);
  forward(stream, n);
  const Tensor dx = Tensor::zeros({3, 19}, DType::f64), dgain = Tensor::zeros({19}, DType::f64);
  rms_norm_backward(stream, {dy, n.x, n.gain, n.rstd, {dx}, {dgain}});
  const Rms probe{n.x, n.gain, Tensor::zeros({3, 19}, DType::f64), {}};
  const auto loss = [&] {
    forward(stream, probe);
    return dot(probe.y, dy);
  };
  expect_gradient(n.x, dx, loss);
  expect_gradient(n.gain, dgain, loss);
}

// f32 gradients against sums in double over several blocks of rows, adding and overwriting.
TEST(RmsNorm, BackwardAddsOrOverwritesAndSkipsEmptyOutputs) {
  on_every_path([] {
    Stream stream(2);
    for (const std::int64_t cols : kWidths) {
      const std::int64_t rows = 270;
      const Rms n = make_rms(rows, cols, DType::f32, 1);
      const Tensor dy = random_matrix(rows, cols, DType::f32, 9, 1);
      forward(stream, n);
      const Tensor dx = fill_random(strided(rows, cols, 2, DType::f32), 4);
      const Tensor dx0 = random_matrix(rows, cols, DType::f32, 4);
      const Tensor dgain = random_vector(cols, DType::f32, 5);
      const Tensor dgain0 = random_vector(cols, DType::f32, 5);
      rms_norm_backward(stream, {dy, n.x, n.gain, n.rstd, {dx, true}, {dgain, true}});
      EXPECT_TRUE(gap_untouched(dx, 2));
      std::vector<double> sums(static_cast<std::size_t>(cols));
      for (std::int64_t r = 0; r < rows; ++r) {
        const double rstd = get(n.rstd, 0, r);
        double mean = 0;
        for (std::int64_t c = 0; c < cols; ++c) {
          const double normal = get(n.x, r, c) * rstd;
          sums[static_cast<std::size_t>(c)] += get(dy, r, c) * normal;
          mean += get(dy, r, c) * get(n.gain, 0, c) * normal / static_cast<double>(cols);
        }
        for (std::int64_t c = 0; c < cols; ++c) {
          const double g = get(dy, r, c) * get(n.gain, 0, c);
          ASSERT_NEAR(get(dx, r, c), get(dx0, r, c) + rstd * (g - get(n.x, r, c) * rstd * mean),
                      1e-5 * (1 + rstd));
        }
      }
      for (std::int64_t c = 0; c < cols; ++c)
        ASSERT_NEAR(get(dgain, 0, c), get(dgain0, 0, c) + sums[static_cast<std::size_t>(c)], 2e-4);
      // Each alone gives what both give together.
      const Tensor only_x = Tensor::zeros({rows, cols}, DType::f32),
                   with_all = Tensor::zeros({rows, cols}, DType::f32),
                   only_gain = random_vector(cols, DType::f32, 6),
                   gain_too = random_vector(cols, DType::f32, 7);
      rms_norm_backward(stream, {dy, n.x, n.gain, n.rstd, {only_x}, {}});
      rms_norm_backward(stream, {dy, n.x, n.gain, n.rstd, {}, {only_gain}});
      rms_norm_backward(stream, {dy, n.x, n.gain, n.rstd, {with_all}, {gain_too}});
      EXPECT_EQ(bytes_of(only_x), bytes_of(with_all));
      EXPECT_EQ(bytes_of(only_gain), bytes_of(gain_too));
      rms_norm_backward(stream, {dy, n.x, n.gain, n.rstd, {}, {}});
    }
  });
}

TEST(RmsNorm, SameBitsForAnyThreadsPathAndRows) {
  for (const std::int64_t cols : {17, 768, 1000}) {
    const Rms n = make_rms(700, cols, DType::f32);
    const Tensor dy = random_matrix(700, cols, DType::f32, 9);
    expect_same_bits([&](Stream& stream) {
      forward(stream, n);
      std::vector<char> all = bytes_of(n.y);
      const Tensor dx = Tensor::zeros({700, cols}, DType::f32),
                   dgain = Tensor::zeros({cols}, DType::f32);
      rms_norm_backward(stream, {dy, n.x, n.gain, n.rstd, {dx}, {dgain}});
      for (const Tensor& t : {dx, dgain}) {
        const std::vector<char> bytes = bytes_of(t);
        all.insert(all.end(), bytes.begin(), bytes.end());
      }
      return all;
    });
    Stream stream(2);
    const Tensor alone = Tensor::zeros({1, cols}, DType::f32);
    rms_norm_forward(stream, n.x.slice_rows(311, 312), n.gain, 1e-5f, alone, {});
    EXPECT_EQ(bytes_of(alone), bytes_of(n.y.slice_rows(311, 312)));
  }
}

TEST(RmsNorm, RefusesWrongShapesAndTypes) {
  Stream stream(1);
  const Rms n = make_rms(4, 8, DType::f32);
  expect_refused(
      [&] { rms_norm_forward(stream, n.x, random_vector(9, DType::f32, 1), 1e-5f, n.y, {}); },
      "[rms_norm] gain must be [8]");
  expect_refused(
      [&] {
        rms_norm_forward(stream, n.x, n.gain, 1e-5f, Tensor::zeros({3, 8}, DType::f32), {});
      },
      "y must be [4, 8]");
  expect_refused([&] { forward(stream, make_rms(4, 8, DType::bf16)); }, "no kernel for bf16");
  expect_refused(
      [&] {
        rms_norm_backward(stream, {n.y, n.x, n.gain, {}, {n.y}, {}});
      },
      "rstd must be [4]");
  forward(stream, make_rms(0, 8, DType::f32));
}

}  // namespace
}  // namespace stemma::kernels
