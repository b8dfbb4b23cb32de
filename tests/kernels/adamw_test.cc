#include "kernels/adamw.h"

#include "tests/kernels/row_kernels_support.h"

namespace stemma::kernels {
namespace {

using namespace stemma::test;

// torch.optim.AdamW(lr=3e-3, betas=(0.9, 0.95), eps=1e-8, weight_decay=0.1), f32, ten steps with
// g = [0.1 t, -0.3 + 0.05 t, 1e-4 t², (-1)^t, 2 / t].
TEST(AdamW, MatchesPyTorchOverTenSteps) {
  const std::vector<double> w_end = {0.46985811, -1.22689402, 2.964818, 0.00562249357,
                                     -0.0439780243};
  const std::vector<double> m_end = {0.413810581, 0.0115088308, 0.00313759851, 0.0342800803,
                                     0.305557489};
  const std::vector<double> v_end = {0.173359275, 0.00817343965, 1.18916769e-05, 0.401263088,
                                     0.205308914};
  on_every_path([&] {
    // Clipping by 1/4 of gradients four times as large is the same.
    for (const float clip : {1.0f, 0.25f}) {
      Stream stream(2);
      std::vector<float> w = {0.5f, -1.25f, 3.0f, 1e-3f, -0.02f}, m(5, 0.0f), v(5, 0.0f);
      for (int t = 1; t <= 10; ++t) {
        const float x = static_cast<float>(t);
        std::vector<float> g = {0.1f * x, -0.3f + 0.05f * x, 1e-4f * x * x, t % 2 ? -1.0f : 1.0f,
                                2.0f / x};
        for (float& value : g) value /= clip;
        adamw(stream,
              {.lr = 3e-3,
               .beta1 = 0.9,
               .beta2 = 0.95,
               .eps = 1e-8,
               .weight_decay = 0.1,
               .step = t,
               .gradient_scale = static_cast<double>(clip)},
              w, g, m, v);
        EXPECT_EQ(g, std::vector<float>(5, 0.0f));
      }
      for (std::size_t i = 0; i < 5; ++i) {
        EXPECT_NEAR(static_cast<double>(w[i]) / w_end[i], 1, 1e-6);
        EXPECT_NEAR(static_cast<double>(m[i]) / m_end[i], 1, 3e-6);
        EXPECT_NEAR(static_cast<double>(v[i]) / v_end[i], 1, 1e-6);
      }
    }
  });
}

TEST(AdamW, MatchesDoubleArithmeticAtAnySize) {
  on_every_path([] {
    Stream stream(3);
    for (const std::int64_t n : {0, 1, 3, 17, 768, 1000, 40001}) {
      const AdamWSettings s{.lr = 0.01, .weight_decay = 0.01, .step = 5, .gradient_scale = 0.5};
      const Tensor w = random_vector(n, DType::f32, 1), g = random_vector(n, DType::f32, 2),
                   m = random_vector(n, DType::f32, 3), v = random_vector(n, DType::f32, 4);
      const auto span = [n](const Tensor& t) {
        return std::span<float>(t.data<float>(), static_cast<std::size_t>(n));
      };
      std::vector<double> expected;
      for (std::int64_t i = 0; i < n; ++i) {
        set(v, 0, i, std::abs(get(v, 0, i)));
        const double gradient = get(g, 0, i) * s.gradient_scale;
        const double mean = s.beta1 * get(m, 0, i) + (1 - s.beta1) * gradient;
        const double square = s.beta2 * get(v, 0, i) + (1 - s.beta2) * gradient * gradient;
        const double step = mean / (1 - std::pow(s.beta1, 5)) /
                            (std::sqrt(square / (1 - std::pow(s.beta2, 5))) + s.eps);
        expected.push_back(get(w, 0, i) - s.lr * (step + s.weight_decay * get(w, 0, i)));
      }
      adamw(stream, s, span(w), span(g), span(m), span(v));
      for (std::int64_t i = 0; i < n; ++i) {
        ASSERT_NEAR(get(w, 0, i), expected[static_cast<std::size_t>(i)], 1e-6);
        ASSERT_EQ(get(g, 0, i), 0);
      }
    }
  });
}

TEST(AdamW, SameBitsForAnyThreadsAndPath) {
  expect_same_bits([](Stream& stream) {
    std::vector<float> w(50001), g(50001), m(50001), v(50001, 0.01f);
    for (std::size_t i = 0; i < w.size(); ++i) {
      w[i] = std::sin(static_cast<float>(i));
      g[i] = std::cos(static_cast<float>(i));
    }
    adamw(stream, {.lr = 0.1, .weight_decay = 0.1, .step = 3}, w, g, m, v);
    std::vector<char> bytes(w.size() * 4);
    std::memcpy(bytes.data(), w.data(), bytes.size());
    return bytes;
  });
}

TEST(AdamW, RefusesDifferentLengthsAndStepZero) {
  Stream stream(1);
  std::vector<float> a(4), b(3);
  expect_refused([&] { adamw(stream, {}, a, b, a, a); }, "one length, got 4, 3, 4 and 4");
  expect_refused([&] { adamw(stream, {.step = 0}, a, a, a, a); }, "steps count from 1, got 0");
}

}  // namespace
}  // namespace stemma::kernels
