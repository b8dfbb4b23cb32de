#include "kernels/matmul.h"

#include <bit>
#include <cmath>
#include <cstring>
#include <numbers>
#include <random>
#include <string>
#include <vector>

#include <dnnl.hpp>
#include <gtest/gtest.h>

#include "base/error.h"
#include "device/cpu.h"

namespace stemma::kernels {
namespace {

using Layout = Operand::Layout;

// A matrix product with its own memory: random operands in any layout and type, every row padded.
struct Case {
  std::int64_t m, n, k;
  Layout a_layout = Layout::rows, b_layout = Layout::rows;
  DType a_type = DType::f32, b_type = DType::f32, c_type = DType::f32;
  bool bias = false, pre = false, residual = false, accumulate = false;
  Activation activation = Activation::none;
  Multiply multiply = Multiply::f32;
  float scale = 1;
  std::string text() const {
    return "m " + std::to_string(m) + " n " + std::to_string(n) + " k " + std::to_string(k) +
           " a " + std::to_string(int(a_layout)) + std::string(to_string(a_type)) + " b " +
           std::to_string(int(b_layout)) + std::string(to_string(b_type)) + " c " +
           std::string(to_string(c_type)) + " epilogue " + std::to_string(bias) +
           std::to_string(pre) + std::to_string(residual) + std::to_string(accumulate) +
           std::to_string(int(activation)) + " multiply " + std::string(to_string(multiply));
  }
};

class Problem {
 public:
  explicit Problem(const Case& c, unsigned seed = 1) : case_(c), random_(seed) {
    const std::int64_t panels = (c.n + 31) / 32;
    a_stride_ = (c.a_layout == Layout::rows ? c.k : c.m) + 3;
    b_stride_ = c.b_layout == Layout::panels ? 32 : (c.b_layout == Layout::rows ? c.n : c.k) + 5;
    c_stride_ = c.n + 2;
    fill(a_, (c.a_layout == Layout::rows ? c.m : c.k) * a_stride_, c.a_type);
    fill(b_,
         c.b_layout == Layout::panels ? panels * c.k * 32
                                      : (c.b_layout == Layout::rows ? c.k : c.n) * b_stride_,
         c.b_type);
    fill(start_, c.m * c_stride_, c.c_type);
    fill(bias_, c.n, DType::f32);
    fill(residual_, c.m * (c.n + 7), DType::f32);
  }

  struct Result {
    std::vector<std::byte> c, pre;
    bool operator==(const Result&) const = default;
  };

  // Rows [begin, end) of the product, by `multiply`(args).
  template <class F>
  Result run(F&& product, std::int64_t begin = 0, std::int64_t end = -1) const {
    if (end < 0) end = case_.m;
    const std::int64_t item = std::int64_t(size_of(case_.c_type)),
                       offset = begin * c_stride_ * item;
    Result result{
        {start_.begin() + offset, start_.begin() + offset + (end - begin) * c_stride_ * item}, {}};
    result.pre = result.c;
    MatmulArgs args;
    args.m = end - begin;
    args.n = case_.n;
    args.k = case_.k;
    const std::int64_t a_at = case_.a_layout == Layout::rows ? begin * a_stride_ : begin;
    args.a = {a_.data() + a_at * std::int64_t(size_of(case_.a_type)), case_.a_type, case_.a_layout,
              a_stride_};
    args.b = {b_.data(), case_.b_type, case_.b_layout, b_stride_};
    args.c = result.c.data();
    args.c_dtype = case_.c_type;
    args.c_stride = c_stride_;
    args.scale = case_.scale;
    if (case_.bias) args.bias = bias_.data();
    if (case_.pre) args.pre = result.pre.data();
    if (case_.residual) args.residual = residual_.data() + begin * (case_.n + 7) * 4;
    args.residual_stride = case_.n + 7;
    args.accumulate = case_.accumulate;
    args.activation = case_.activation;
    args.multiply = case_.multiply;
    product(args);
    return result;
  }

  Result reference() const {
    return run([](const MatmulArgs& a) { matmul_reference(a); });
  }
  Result on(Stream& stream, std::int64_t begin = 0, std::int64_t end = -1) const {
    return run([&](const MatmulArgs& a) { matmul(stream, a); }, begin, end);
  }

  double a(std::int64_t i, std::int64_t k) const {
    return value(a_, case_.a_type,
                 case_.a_layout == Layout::rows ? i * a_stride_ + k : k * a_stride_ + i);
  }
  double b(std::int64_t k, std::int64_t n) const {
    if (case_.b_layout == Layout::panels)
      return value(b_, case_.b_type, (n / 32 * case_.k + k) * 32 + n % 32);
    return value(b_, case_.b_type,
                 case_.b_layout == Layout::rows ? k * b_stride_ + n : n * b_stride_ + k);
  }
  double bias(std::int64_t n) const { return value(bias_, DType::f32, n); }
  double residual(std::int64_t i, std::int64_t n) const {
    return value(residual_, DType::f32, i * (case_.n + 7) + n);
  }
  double start(std::int64_t i, std::int64_t n) const {
    return value(start_, case_.c_type, i * c_stride_ + n);
  }
  double at(const std::vector<std::byte>& c, std::int64_t i, std::int64_t n) const {
    return value(c, case_.c_type, i * c_stride_ + n);
  }
  std::int64_t c_stride() const { return c_stride_; }

 private:
  static double value(const std::vector<std::byte>& memory, DType type, std::int64_t at) {
    if (type == DType::f64) return reinterpret_cast<const double*>(memory.data())[at];
    if (type == DType::bf16) return to_float(reinterpret_cast<const bf16*>(memory.data())[at]);
    return reinterpret_cast<const float*>(memory.data())[at];
  }
  void fill(std::vector<std::byte>& memory, std::int64_t count, DType type) {
    memory.resize(static_cast<std::size_t>(count) * size_of(type));
    std::normal_distribution<float> normal;
    for (std::int64_t i = 0; i < count; ++i) {
      const float x = normal(random_);
      if (type == DType::f64) reinterpret_cast<double*>(memory.data())[i] = x;
      if (type == DType::f32) reinterpret_cast<float*>(memory.data())[i] = x;
      if (type == DType::bf16) reinterpret_cast<bf16*>(memory.data())[i] = to_bf16(x);
    }
  }

  Case case_;
  std::mt19937 random_;
  std::int64_t a_stride_ = 0, b_stride_ = 0, c_stride_ = 0;
  std::vector<std::byte> a_, b_, start_, bias_, residual_;
};

// The paths whose results equal the reference bit for bit: all, but AMX only for f32.
std::vector<KernelPath> exact_paths(Multiply multiply) {
  std::vector<KernelPath> paths;
  for (KernelPath path : available_kernel_paths())
    if (path != KernelPath::amx || multiply == Multiply::f32) paths.push_back(path);
  return paths;
}

void expect_exact(const Case& c, Stream& stream) {
  const Problem problem(c);
  const Problem::Result wanted = problem.reference();
  for (KernelPath path : exact_paths(c.multiply)) {
    const ScopedKernelPath scoped(path);
    EXPECT_TRUE(problem.on(stream) == wanted) << to_string(path) << " " << c.text();
  }
}

TEST(Matmul, EqualsTheReferenceBitForBitInEveryLayoutAndType) {
  Stream stream(2);
  for (auto [m, n, k] : {std::array<std::int64_t, 3>{1, 1, 1},
                         {1, 70, 300},
                         {5, 33, 17},
                         {14, 32, 256},
                         {15, 31, 257},
                         {31, 97, 515},
                         {100, 16, 64}})
    for (Layout al : {Layout::rows, Layout::transposed})
      for (Layout bl : {Layout::rows, Layout::transposed, Layout::panels})
        for (DType at : {DType::f32, DType::bf16})
          for (DType bt : {DType::f32, DType::bf16})
            for (Multiply multiply : {Multiply::f32, Multiply::bf16})
              expect_exact({.m = m,
                            .n = n,
                            .k = k,
                            .a_layout = al,
                            .b_layout = bl,
                            .a_type = at,
                            .b_type = bt,
                            .c_type = DType::f32,
                            .multiply = multiply},
                           stream);
}

TEST(Matmul, EqualsTheReferenceOnRandomShapes) {
  Stream stream(3);
  std::mt19937 random(7);
  const auto below = [&](unsigned n) { return std::int64_t(random() % n); };
  for (int i = 0; i < 150; ++i) {
    Case c{.m = 1 + below(70), .n = 1 + below(150), .k = below(i % 10 == 0 ? 1500 : 300)};
    c.a_layout = Layout(below(2));
    c.b_layout = Layout(below(3));
    c.a_type = below(2) ? DType::f32 : DType::bf16;
    c.b_type = below(2) ? DType::f32 : DType::bf16;
    c.c_type = below(3) ? DType::f32 : DType::bf16;
    c.bias = below(2);
    c.pre = below(2);
    c.residual = below(2);
    c.accumulate = c.c_type == DType::f32 && below(2);
    c.activation = Activation(below(3));
    c.multiply = below(4) ? Multiply::f32 : Multiply::bf16;
    c.scale = below(2) ? 1.0f : 0.37f;
    expect_exact(c, stream);
  }
}

}  // namespace
}  // namespace stemma::kernels
