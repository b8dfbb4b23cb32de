#include "kernels/layer_norm.h"

#include <xmmintrin.h>

#include "tests/kernels/row_kernels_support.h"

namespace stemma::kernels {
namespace {

using namespace stemma::test;

struct Norm {
  Tensor x, gain, bias, y, mean, rstd;
};

Norm make(std::int64_t rows, std::int64_t cols, DType type, std::int64_t gap = 0) {
  return {random_matrix(rows, cols, type, 1, gap),
          random_vector(cols, type, 2),
          random_vector(cols, type, 3),
          strided(rows, cols, gap, type),
          Tensor::zeros({rows}, type),
          Tensor::zeros({rows}, type)};
}

void forward(Stream& stream, const Norm& n, float eps = 1e-5f) {
  layer_norm_forward(stream, n.x, n.gain, n.bias, eps, n.y, n.mean, n.rstd);
}

void expect_norm(const Norm& n, double eps, double tolerance) {
  const std::int64_t cols = n.x.cols();
  for (std::int64_t r = 0; r < n.x.rows(); ++r) {
    double mean = 0, var = 0;
    for (std::int64_t c = 0; c < cols; ++c) mean += get(n.x, r, c) / static_cast<double>(cols);
    for (std::int64_t c = 0; c < cols; ++c)
      var += std::pow(get(n.x, r, c) - mean, 2) / static_cast<double>(cols);
    const double rstd = 1 / std::sqrt(var + eps);
    EXPECT_NEAR(get(n.mean, 0, r), mean, tolerance);
    EXPECT_NEAR(get(n.rstd, 0, r) / rstd, 1, tolerance);
    for (std::int64_t c = 0; c < cols; ++c)
      ASSERT_NEAR(get(n.y, r, c),
                  (get(n.x, r, c) - mean) * rstd * get(n.gain, 0, c) + get(n.bias, 0, c),
                  tolerance * 10)
          << r << " " << c;
  }
}

TEST(LayerNorm, MatchesDoubleArithmeticOnEveryPath) {
  on_every_path([] {
    Stream stream(2);
    for (const std::int64_t cols : kWidths)
      for (const std::int64_t gap : {0, 5}) {
        const Norm n = make(37, cols, DType::f32, gap);
        forward(stream, n);
        expect_norm(n, static_cast<double>(1e-5f), 1e-6);
        EXPECT_TRUE(gap_untouched(n.y, gap));
        const Norm wide = make(5, cols, DType::f64, gap);
        forward(stream, wide);
        expect_norm(wide, static_cast<double>(1e-5f), 1e-13);
      }
  });
}

TEST(LayerNorm, RoundsToBf16) {
  on_every_path([] {
    Stream stream(2);
    for (const std::int64_t cols : kWidths) {
      const Norm n = make(9, cols, DType::f32);
      forward(stream, n);
      const Tensor half = strided(9, cols, 3, DType::bf16);
      layer_norm_forward(stream, n.x, n.gain, n.bias, 1e-5f, half, {}, {});
      EXPECT_TRUE(gap_untouched(half, 3));
      for (std::int64_t r = 0; r < 9; ++r)
        for (std::int64_t c = 0; c < cols; ++c)
          ASSERT_EQ(get(half, r, c), to_float(to_bf16(static_cast<float>(get(n.y, r, c)))));
    }
  });
}

// torch.nn.functional.layer_norm in f64 and its gradients.
TEST(LayerNorm, MatchesPyTorch) {
  const std::vector<double> x = {0.1, -0.7, 1.3, 2.0, -0.4, 3.0, 2.5, -1.0, 0.25, 0.75};
  const std::vector<double> gain = {1.0, 0.5, -0.25, 2.0, 1.5}, bias = {0.1, 0.2, 0.3, -0.4, 0.0};
  const std::vector<double> dy = {1.0, -2.0, 0.5, 0.25, -0.75, 0.3, 0.6, -0.9, 1.2, -1.5};
  const std::vector<double> y = {-0.249925453, -0.363768785, 0.0958768191, 2.59380665,
                                 -1.25389954,  1.39128958,   0.675738268,  0.656803701,
                                 -1.55536436,  -0.356803701};
  const std::vector<double> dx = {1.27866126,   -0.307938267, -0.351001924, -0.0562443757,
                                  -0.563476697, 0.15903681,   0.13596416,   -0.0765163473,
                                  1.45935204,   -1.67783666};
  const std::vector<double> dgain = {0.037461422, 2.82596106, 1.69273968, -0.318992787,
                                     0.983753471};
  const std::vector<double> dbias = {1.3, -1.4, -0.4, 1.45, -2.25};
  const auto put = [](const Tensor& t, const std::vector<double>& values) {
    for (std::int64_t i = 0; i < t.elements(); ++i)
      set(t, i / t.cols(), i % t.cols(), values[static_cast<std::size_t>(i)]);
  };
  const auto near = [](const Tensor& t, const std::vector<double>& values) {
    for (std::int64_t i = 0; i < t.elements(); ++i)
      EXPECT_NEAR(get(t, i / t.cols(), i % t.cols()), values[static_cast<std::size_t>(i)], 2e-6);
  };
  on_every_path([&] {
    for (const DType type : {DType::f32, DType::f64}) {
      Stream stream(1);
      const Norm n = make(2, 5, type);
      put(n.x, x), put(n.gain, gain), put(n.bias, bias);
      forward(stream, n);
      near(n.y, y);
      const Tensor grad = Tensor::zeros({2, 5}, type);
      put(grad, dy);
      const Tensor to_x = Tensor::zeros({2, 5}, type), to_gain = Tensor::zeros({5}, type),
                   to_bias = Tensor::zeros({5}, type);
      layer_norm_backward(stream,
                          {grad, n.x, n.gain, n.mean, n.rstd, {to_x}, {to_gain}, {to_bias}});
      near(to_x, dx), near(to_gain, dgain), near(to_bias, dbias);
    }
  });
}

TEST(LayerNorm, GradientsMatchFiniteDifferences) {
  Stream stream(2);
  const Norm n = make(3, 19, DType::f64, 2);
  const Tensor dy = random_matrix(3, 19, DType::f64, 9);
  forward(stream, n);
  const Tensor dx = Tensor::zeros({3, 19}, DType::f64), dgain = Tensor::zeros({19}, DType::f64),
               dbias = Tensor::zeros({19}, DType::f64);
  layer_norm_backward(stream, {dy, n.x, n.gain, n.mean, n.rstd, {dx}, {dgain}, {dbias}});
  const Norm probe{n.x, n.gain, n.bias, Tensor::zeros({3, 19}, DType::f64), {}, {}};
  const auto loss = [&] {
    forward(stream, probe);
    return dot(probe.y, dy);
  };
  expect_gradient(n.x, dx, loss);
  expect_gradient(n.gain, dgain, loss);
  expect_gradient(n.bias, dbias, loss);
}

// f32 gradients against f64 ones over several blocks of rows, adding and overwriting.
TEST(LayerNorm, BackwardAddsOrOverwritesAndSkipsEmptyOutputs) {
  on_every_path([] {
    Stream stream(2);
    for (const std::int64_t cols : kWidths) {
      const std::int64_t rows = 270;
      const Norm n = make(rows, cols, DType::f32, 1), wide = make(rows, cols, DType::f64);
      for (std::int64_t r = 0; r < rows; ++r)
        for (std::int64_t c = 0; c < cols; ++c) set(wide.x, r, c, get(n.x, r, c));
      for (std::int64_t c = 0; c < cols; ++c) set(wide.gain, 0, c, get(n.gain, 0, c));
      const Tensor dy = random_matrix(rows, cols, DType::f32, 9, 1);
      const Tensor dy_wide = Tensor::zeros({rows, cols}, DType::f64);
      for (std::int64_t r = 0; r < rows; ++r)
        for (std::int64_t c = 0; c < cols; ++c) set(dy_wide, r, c, get(dy, r, c));
      forward(stream, n), forward(stream, wide);
      const Tensor x64 = Tensor::zeros({rows, cols}, DType::f64);
      const Tensor g64 = Tensor::zeros({cols}, DType::f64), b64 = Tensor::zeros({cols}, DType::f64);
      layer_norm_backward(stream,
                          {dy_wide, wide.x, wide.gain, wide.mean, wide.rstd, {x64}, {g64}, {b64}});
      const Tensor dx = fill_random(strided(rows, cols, 2, DType::f32), 4);
      const Tensor dx0 = random_matrix(rows, cols, DType::f32, 4);
      const Tensor dgain = random_vector(cols, DType::f32, 5),
                   dbias = Tensor::zeros({cols}, DType::f32);
      const Tensor dgain0 = random_vector(cols, DType::f32, 5);
      layer_norm_backward(stream,
                          {dy, n.x, n.gain, n.mean, n.rstd, {dx, true}, {dgain, true}, {dbias}});
      EXPECT_TRUE(gap_untouched(dx, 2));
      for (std::int64_t c = 0; c < cols; ++c) {
        ASSERT_NEAR(get(dgain, 0, c), get(dgain0, 0, c) + get(g64, 0, c), 2e-4);
        ASSERT_NEAR(get(dbias, 0, c), get(b64, 0, c), 2e-4);
        for (std::int64_t r = 0; r < rows; r += 7)
          ASSERT_NEAR(get(dx, r, c), get(dx0, r, c) + get(x64, r, c),
                      1e-5 * (1 + std::abs(get(n.rstd, 0, r))));
      }
      // dx alone, and dbias alone, give what they give together.
      const Tensor only_x = Tensor::zeros({rows, cols}, DType::f32);
      layer_norm_backward(stream, {dy, n.x, n.gain, n.mean, n.rstd, {only_x}, {}, {}});
      const Tensor with_all = Tensor::zeros({rows, cols}, DType::f32);
      layer_norm_backward(stream, {dy, n.x, n.gain, n.mean, n.rstd, {with_all}, {dgain}, {}});
      EXPECT_EQ(bytes_of(only_x), bytes_of(with_all));
      const Tensor only_bias = Tensor::zeros({cols}, DType::f32);
      layer_norm_backward(stream, {dy, n.x, n.gain, n.mean, n.rstd, {}, {}, {only_bias}});
      EXPECT_EQ(bytes_of(only_bias), bytes_of(dbias));
      layer_norm_backward(stream, {dy, n.x, n.gain, n.mean, n.rstd, {}, {}, {}});
    }
  });
}

TEST(LayerNorm, SameBitsForAnyThreadsPathAndRows) {
  for (const std::int64_t cols : {17, 768, 1000}) {
    const Norm n = make(700, cols, DType::f32);
    const Tensor dy = random_matrix(700, cols, DType::f32, 9);
    expect_same_bits([&](Stream& stream) {
      forward(stream, n);
      std::vector<char> all = bytes_of(n.y);
      const Tensor dx = Tensor::zeros({700, cols}, DType::f32),
                   dgain = Tensor::zeros({cols}, DType::f32),
                   dbias = Tensor::zeros({cols}, DType::f32);
      layer_norm_backward(stream, {dy, n.x, n.gain, n.mean, n.rstd, {dx}, {dgain}, {dbias}});
      for (const Tensor& t : {dx, dgain, dbias}) {
        const std::vector<char> bytes = bytes_of(t);
        all.insert(all.end(), bytes.begin(), bytes.end());
      }
      return all;
    });
    Stream stream(2);
    const Tensor alone = Tensor::zeros({1, cols}, DType::f32);
    layer_norm_forward(stream, n.x.slice_rows(311, 312), n.gain, n.bias, 1e-5f, alone, {}, {});
    EXPECT_EQ(bytes_of(alone), bytes_of(n.y.slice_rows(311, 312)));
  }
}

TEST(LayerNorm, FlushesDenormalsAndRestoresTheMode) {
  const unsigned before = _mm_getcsr();
  Stream stream(1);
  const Norm n = make(4, 40, DType::f32);
  for (std::int64_t c = 0; c < 40; ++c) set(n.bias, 0, c, 1e-40), set(n.gain, 0, c, 0);
  forward(stream, n);
  for (std::int64_t c = 0; c < 40; ++c) EXPECT_EQ(get(n.y, 2, c), 0);
  EXPECT_EQ(_mm_getcsr() & 0x8040u, before & 0x8040u);
}

TEST(LayerNorm, RefusesWrongShapesAndTypes) {
  Stream stream(1);
  const Norm n = make(4, 8, DType::f32);
  expect_refused(
      [&] {
        layer_norm_forward(stream, n.x, random_vector(9, DType::f32, 1), n.bias, 1e-5f, n.y, {},
                           {});
      },
      "[layer_norm] gain must be [8]");
  expect_refused(
      [&] {
        layer_norm_forward(stream, n.x, n.gain, n.bias, 1e-5f, Tensor::zeros({3, 8}, DType::f32),
                           {}, {});
      },
      "y must be [4, 8]");
  const Norm half = make(4, 8, DType::bf16);
  expect_refused([&] { forward(stream, half); }, "no kernel for bf16");
  expect_refused(
      [&] {
        layer_norm_backward(stream, {n.y, n.x, n.gain, {}, n.rstd, {n.y}, {}, {}});
      },
      "mean must be [4]");
  const Norm none = make(0, 8, DType::f32);
  forward(stream, none);
}

}  // namespace
}  // namespace stemma::kernels
