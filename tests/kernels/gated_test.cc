#include "kernels/gated.h"

#include <numbers>

#include "kernels/cpu/activation.h"
#include "kernels/elementwise.h"
#include "tests/kernels/row_kernels_support.h"

namespace stemma::kernels {
namespace {

using namespace stemma::test;

struct GateCase {
  Gate gate;
  Activation activation;
};
const std::vector<GateCase> kGates = {{Gate::silu, Activation::silu},
                                      {Gate::gelu_tanh, Activation::gelu_tanh},
                                      {Gate::gelu_erf, Activation::gelu_erf}};

// F.silu(x[:, :6]) * x[:, 6:], and with F.gelu(..., approximate="tanh") and F.gelu, in f64, and
// their gradients (PyTorch 2.15).
TEST(Gated, MatchesPyTorch) {
  const std::vector<double> x = {-3,  -1.5, 0.25, 0.0,  2.0, 0.5,  -0.7, 1.1, -2.0, 3.0, 1.25, -0.6,
                                 4.0, -0.1, 0.9,  -5.0, 1.0, -1.0, 0.3,  2.0, -1.4, 0.8, -0.2, 6.0};
  const std::vector<double> dy = {1, -2, .5, .25, -.75, .3, .6, -.9, 1.2, -1.5, 2.0, -.4};
  const struct {
    Gate gate;
    std::vector<double> y, dx;
  } cases[] = {{Gate::silu,
                {0.0995943337, -0.301002114, -0.28108825, 0, 2.20199269, -0.186737799, 1.17841655,
                 -0.0950041625, -0.895796373, -0.0267714037, -0.146211716, -1.61364853},
                {0.0616728742, 0.0908471395, -0.623710022, 0.375,        -1.02261023,
                 -0.133193014, -0.14227762,  0.547276571,  0.0702720626, 0,
                 -1.32119562,  0.0933688997, 0.189479631,  -0.810149775, -1.50511163,
                 0.0318569189, -0.371068205, -0.173590772, 2.3568331,    0.0427518731,
                 0.767825463,  0.0501963819, 1.46211716,   0.107576569}},
               {Gate::gelu_tanh,
                {0.00254617446, -0.110471265, -0.299350701, 0, 2.44324712, -0.207428406, 1.19997893,
                 -0.0920344979, -1.02791988, -1.83343696e-07, -0.168238398, -0.952848056},
                {0.00810891664,  0.280963745,    -0.695354095, 0.375,        -1.01821805,
                 -0.156126583,   -0.00363739208, 0.200856846,  0.0748376754, 0,
                 -1.46594827,    0.103714203,    0.180060322,  -0.756860779, -1.7725129,
                 1.85563439e-06, -0.433185634,   0.199113801,  2.39995785,   0.0414155241,
                 0.881074186,    3.4376943e-07,  1.68238398,   0.0635232038}},
               {Gate::gelu_erf,
                {0.00283478587, -0.110231882, -0.299353163, 0, 2.44312467, -0.207438738, 1.19996199,
                 -0.0920344325, -1.02808424, -1.14660629e-06, -0.168268949, -0.951931524},
                {0.00836195304, 0.280432223,    -0.695373355, 0.375,        -1.01740481,
                 -0.156149122,  -0.00404969409, 0.200421604,  0.0748382907, 0,
                 -1.4658748,    0.103719369,    0.180090657,  -0.756858434, -1.77309989,
                 8.5763352e-06, -0.433326188,   0.199957129,  2.39992399,   0.0414154946,
                 0.881215065,   2.14988679e-06, 1.68268949,   0.0634621016}}};
  const auto put = [](const Tensor& t, const std::vector<double>& values) {
    for (std::int64_t i = 0; i < t.elements(); ++i)
      set(t, i / t.cols(), i % t.cols(), values[static_cast<std::size_t>(i)]);
  };
  const auto near = [](const Tensor& t, const std::vector<double>& values) {
    for (std::int64_t i = 0; i < t.elements(); ++i) {
      const double wanted = values[static_cast<std::size_t>(i)];
      EXPECT_NEAR(get(t, i / t.cols(), i % t.cols()), wanted, 1e-6 * std::abs(wanted) + 1e-7) << i;
    }
  };
  on_every_path([&] {
    Stream stream(1);
    for (const auto& test : cases)
      for (const DType type : {DType::f32, DType::f64}) {
        const Tensor in = Tensor::zeros({2, 12}, type), grad = Tensor::zeros({2, 6}, type),
                     y = Tensor::zeros({2, 6}, type), dx = Tensor::zeros({2, 12}, type);
        put(in, x), put(grad, dy);
        gated_forward(stream, test.gate, in, y);
        gated_backward(stream, test.gate, in, grad, {dx});
        near(y, test.y), near(dx, test.dx);
      }
  });
}

// In f32 the bits of the activation kernel times the other half; bf16 is f32 with rounded ends.
TEST(Gated, IsTheActivationTimesTheOtherHalf) {
  on_every_path([] {
    Stream stream(2);
    for (const GateCase& test : kGates)
      for (const std::int64_t cols : {1, 3, 17, 768, 16400}) {
        const Tensor half = random_matrix(2, 2 * cols, DType::bf16, 1, 1);
        const Tensor x = strided(2, 2 * cols, 2, DType::f32);
        convert(stream, half, x);
        const Tensor act = Tensor::zeros({2, cols}, DType::f32),
                     product = Tensor::zeros({2, cols}, DType::f32),
                     rounded = Tensor::zeros({2, cols}, DType::bf16);
        activation_forward(stream, test.activation, x.columns(0, cols), act);
        for (std::int64_t r = 0; r < 2; ++r)
          for (std::int64_t c = 0; c < cols; ++c)
            set(product, r, c, get(act, r, c) * get(x, r, cols + c));
        convert(stream, product, rounded);
        for (const Tensor& in : {x, half})
          for (const DType type : {DType::f32, DType::bf16}) {
            const Tensor y = strided(2, cols, 3, type);
            gated_forward(stream, test.gate, in, y);
            EXPECT_TRUE(gap_untouched(y, 3));
            ASSERT_EQ(bytes_of(y), bytes_of(type == DType::bf16 ? rounded : product));
          }
        // The gradients likewise, overwriting and adding.
        const Tensor dy = random_matrix(2, cols, DType::f32, 2, 1);
        const Tensor dgate = Tensor::zeros({2, cols}, DType::f32);
        for (std::int64_t r = 0; r < 2; ++r)
          for (std::int64_t c = 0; c < cols; ++c)
            set(dgate, r, c, get(dy, r, c) * get(x, r, cols + c));
        activation_backward(stream, test.activation, x.columns(0, cols), dgate, dgate);
        const Tensor fresh = strided(2, 2 * cols, 2, DType::f32),
                     more = random_matrix(2, 2 * cols, DType::f32, 3),
                     before = random_matrix(2, 2 * cols, DType::f32, 3);
        gated_backward(stream, test.gate, half, dy, {fresh});
        gated_backward(stream, test.gate, x, dy, {more, true});
        EXPECT_TRUE(gap_untouched(fresh, 2));
        for (std::int64_t r = 0; r < 2; ++r)
          for (std::int64_t c = 0; c < cols; ++c) {
            ASSERT_EQ(get(fresh, r, c), get(dgate, r, c));
            const float up = static_cast<float>(get(dy, r, c) * get(act, r, c));
            ASSERT_EQ(get(fresh, r, cols + c), static_cast<double>(up));
            ASSERT_EQ(get(more, r, cols + c),
                      static_cast<double>(static_cast<float>(get(before, r, cols + c)) + up));
          }
      }
  });
}

TEST(Gated, GradientsMatchFiniteDifferences) {
  Stream stream(2);
  for (const GateCase& test : kGates) {
    const Tensor x = random_matrix(3, 14, DType::f64, 1, 2),
                 dy = random_matrix(3, 7, DType::f64, 2);
    const Tensor dx = strided(3, 14, 1, DType::f64), y = Tensor::zeros({3, 7}, DType::f64);
    gated_backward(stream, test.gate, x, dy, {dx});
    expect_gradient(x, dx, [&] {
      gated_forward(stream, test.gate, x, y);
      return dot(y, dy);
    });
  }
}

TEST(Gated, SameBitsForAnyThreadsAndPath) {
  const Tensor x = random_matrix(300, 2 * 1000, DType::f32, 1),
               dy = random_matrix(300, 1000, DType::f32, 2);
  for (const GateCase& test : kGates)
    expect_same_bits([&](Stream& stream) {
      const Tensor y = Tensor::zeros({300, 1000}, DType::f32),
                   dx = Tensor::zeros({300, 2000}, DType::f32);
      gated_forward(stream, test.gate, x, y);
      gated_backward(stream, test.gate, x, dy, {dx});
      std::vector<char> all = bytes_of(y);
      const std::vector<char> more = bytes_of(dx);
      all.insert(all.end(), more.begin(), more.end());
      return all;
    });
}

TEST(Gated, RefusesWrongShapesAndTypes) {
  Stream stream(1);
  const Tensor x = random_matrix(2, 6, DType::f32, 1), y = random_matrix(2, 3, DType::f32, 1);
  expect_refused([&] { gated_forward(stream, Gate::silu, y, y); }, "[gated] x must be [2, 6]");
  expect_refused(
      [&] {
        gated_forward(stream, Gate::silu, x, Tensor::zeros({2, 3}, DType::f64));
      },
      "no kernel for f32 and f64");
  expect_refused([&] { gated_backward(stream, Gate::silu, x, y, {y}); }, "dx must be [2, 6]");
  gated_backward(stream, Gate::silu, x, y, {});
  gated_forward(stream, Gate::silu, Tensor::zeros({0, 6}, DType::f32),
                Tensor::zeros({0, 3}, DType::f32));
}

}  // namespace
}  // namespace stemma::kernels
