#include "kernels/matmul.h"

#include <array>
#include <cmath>
#include <cstring>
#include <limits>
#include <numbers>
#include <random>
#include <string>
#include <vector>

#include <dnnl.hpp>
#include <gtest/gtest.h>

#include "base/error.h"
#include "device/cpu.h"
#include "kernels/cpu/matmul/kernels.h"

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

// The paths whose results equal the reference bit for bit: all, but AMX only for f32. The reference
// follows kernel_path() for bf16 on AVX512-BF16; on the others its results are the same.
std::vector<KernelPath> exact_paths(Multiply multiply) {
  std::vector<KernelPath> paths;
  for (KernelPath path : available_kernel_paths())
    if (path != KernelPath::amx || multiply == Multiply::f32) paths.push_back(path);
  return paths;
}

void expect_exact(const Case& c, Stream& stream) {
  const Problem problem(c);
  const auto reference = [&](KernelPath path) {
    const ScopedKernelPath scoped(path);
    return problem.reference();
  };
  const Problem::Result fma = reference(KernelPath::avx2);
  for (KernelPath path : exact_paths(c.multiply)) {
    const bool pairs = path == KernelPath::avx512_bf16 && c.multiply == Multiply::bf16;
    const Problem::Result wanted = pairs ? reference(path) : fma;
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
    c.activation = Activation(below(7));
    c.multiply = below(4) ? Multiply::f32 : Multiply::bf16;
    c.scale = below(2) ? 1.0f : 0.37f;
    expect_exact(c, stream);
  }
}

TEST(Matmul, EqualsTheReferenceWhereKTakesSeveralPasses) {
  Stream stream(2);
  for (Multiply multiply : {Multiply::f32, Multiply::bf16})
    expect_exact({.m = 7, .n = 40, .k = 9001, .bias = true, .multiply = multiply}, stream);
}

const cpu::Engine& engine_of(KernelPath path, Multiply multiply) {
  if (path == KernelPath::avx2) return cpu::avx2_engine();
  const bool pairs = path == KernelPath::avx512_bf16 && multiply == Multiply::bf16;
  return pairs ? cpu::avx512_bf16_engine() : cpu::avx512_engine();
}

// On a machine whose caches hold next to nothing, products of this size take all ways that large
// ones take: several passes over K and parts of M and N, strips and panels packed many at a time,
// together or by each worker for itself.
TEST(Matmul, EqualsTheReferenceWhereCachesAreSmall) {
  cpu::Blocking together{.pass_depth = 512,
                         .packed_strips_bytes = 250 << 10,
                         .packed_panels_bytes = 300 << 10,
                         .partial_bytes = 150 << 10,
                         .sub_depth = 256,
                         .strip_bytes = 24 << 10,
                         .streamed_bytes = 0};
  cpu::Blocking streamed = together, alone = together;
  streamed.streamed_bytes = 8 << 20;
  alone.pass_depth = 4096;
  for (Layout a : {Layout::rows, Layout::transposed})
    for (Layout b : {Layout::rows, Layout::transposed, Layout::panels}) {
      const bool narrow = a == Layout::rows;
      const Case c{.m = 203,
                   .n = 130,
                   .k = 530,
                   .a_layout = a,
                   .b_layout = b,
                   .a_type = narrow ? DType::bf16 : DType::f32,
                   .b_type = narrow || b == Layout::panels ? DType::f32 : DType::bf16,
                   .multiply = b == Layout::rows ? Multiply::bf16 : Multiply::f32};
      const Problem problem(c);
      for (KernelPath path : exact_paths(c.multiply)) {
        const ScopedKernelPath scoped(path);
        const Problem::Result wanted = problem.reference();
        for (int threads : {1, 2})
          for (const cpu::Blocking& blocking : {together, streamed, alone}) {
            cpu::Engine engine = engine_of(path, c.multiply);
            const cpu::Blocking usual = engine.blocking;
            engine.blocking = blocking;
            engine.blocking.panel_depth = usual.panel_depth;
            engine.blocking.pack_strips = usual.pack_strips;
            engine.blocking.ahead_bytes = usual.ahead_bytes;
            engine.blocking.fetches_sources = usual.fetches_sources;
            Stream stream(threads);
            EXPECT_TRUE(problem.run([&](const MatmulArgs& args) {
              cpu::matmul_on(engine, stream, args);
            }) == wanted)
                << to_string(path) << " " << threads << " " << c.text();
          }
      }
    }
}

// One row takes several blocks of k at once, and what is left one by one.
TEST(Matmul, EqualsTheReferenceForOneRowOfManyBlocks) {
  Stream stream(2);
  for (Layout layout : {Layout::rows, Layout::transposed, Layout::panels})
    for (DType type : {DType::f32, DType::bf16})
      for (std::int64_t k : {512, 790, 1300, 4400})
        for (bool accumulate : {false, true})
          expect_exact({.m = 1,
                        .n = 70,
                        .k = k,
                        .b_layout = layout,
                        .b_type = type,
                        .accumulate = accumulate},
                       stream);
}

// The last of strips that are packed many at a time; strips that each worker packs for itself.
TEST(Matmul, EqualsTheReferenceAtTheEdgesOfStripsPackedTogether) {
  Stream stream(2);
  for (std::int64_t m : {96, 97, 98, 99, 110, 114})
    expect_exact({.m = m, .n = 40, .k = 300, .a_layout = Layout::transposed}, stream);
  for (Layout layout : {Layout::rows, Layout::transposed})
    expect_exact({.m = 17, .n = 530, .k = 130, .a_layout = layout, .b_layout = Layout::panels},
                 stream);
}

TEST(Matmul, ARowDoesNotDependOnTheOtherRows) {
  Stream stream(2);
  for (Layout layout : {Layout::rows, Layout::transposed, Layout::panels})
    for (Multiply multiply : {Multiply::f32, Multiply::bf16}) {
      const Case c{.m = 47,
                   .n = 101,
                   .k = 700,
                   .b_layout = layout,
                   .bias = true,
                   .activation = Activation::gelu_erf,
                   .multiply = multiply};
      const Problem problem(c);
      for (KernelPath path : available_kernel_paths()) {
        const ScopedKernelPath scoped(path);
        const Problem::Result all = problem.on(stream);
        const std::size_t row = static_cast<std::size_t>(problem.c_stride()) * 4;
        for (auto [begin, end] :
             {std::pair<std::int64_t, std::int64_t>{0, 1}, {46, 47}, {3, 11}, {14, 47}}) {
          const Problem::Result some = problem.on(stream, begin, end);
          EXPECT_EQ(std::memcmp(some.c.data(), all.c.data() + static_cast<std::size_t>(begin) * row,
                                static_cast<std::size_t>(end - begin) * row),
                    0)
              << to_string(path) << " rows " << begin << " to " << end << " " << c.text();
        }
      }
    }
}

TEST(Matmul, ThreadsDoNotChangeABit) {
  for (Multiply multiply : {Multiply::f32, Multiply::bf16}) {
    const Problem problem({.m = 130,
                           .n = 300,
                           .k = 600,
                           .b_layout = Layout::transposed,
                           .activation = Activation::gelu_tanh,
                           .multiply = multiply});
    for (KernelPath path : available_kernel_paths()) {
      const ScopedKernelPath scoped(path);
      Stream one(1);
      const Problem::Result wanted = problem.on(one);
      for (int threads = 2; threads <= 4; ++threads) {
        Stream stream(threads);
        EXPECT_TRUE(problem.on(stream) == wanted) << to_string(path) << " " << threads;
      }
    }
  }
}

// The epilogue of matmul.h in double; erf and tanh of the C library.
double expected(const Problem& p, const Case& c, std::int64_t i, std::int64_t n, double* pre) {
  double v = 0;
  for (std::int64_t k = 0; k < c.k; ++k) v += p.a(i, k) * p.b(k, n);
  v = v * static_cast<double>(c.scale) + (c.bias ? p.bias(n) : 0);
  *pre = v;
  if (c.activation == Activation::gelu_tanh)
    v = 0.5 * v * (1 + std::tanh(std::sqrt(2 / std::numbers::pi) * (v + 0.044715 * v * v * v)));
  if (c.activation == Activation::gelu_erf) v = 0.5 * v * (1 + std::erf(v / std::numbers::sqrt2));
  if (c.activation == Activation::relu) v = std::max(v, 0.0);
  if (c.activation == Activation::silu) v = v / (1 + std::exp(-v));
  if (c.activation == Activation::quick_gelu) v = v / (1 + std::exp(-1.702 * v));
  if (c.activation == Activation::tanh) v = std::tanh(v);
  if (c.residual) v += p.residual(i, n);
  return v + (c.accumulate ? p.start(i, n) : 0);
}

void expect_near_double(const Case& c, double tolerance) {
  Stream stream(2);
  const Problem problem(c);
  for (KernelPath path : available_kernel_paths()) {
    const ScopedKernelPath scoped(path);
    const Problem::Result result = problem.on(stream);
    for (std::int64_t i = 0; i < c.m; ++i)
      for (std::int64_t n = 0; n < c.n; ++n) {
        double pre = 0;
        const double wanted = expected(problem, c, i, n, &pre);
        ASSERT_NEAR(problem.at(result.c, i, n), wanted, tolerance * (1 + std::abs(wanted)))
            << to_string(path) << " at " << i << ", " << n << " " << c.text();
        if (c.pre) {
          ASSERT_NEAR(problem.at(result.pre, i, n), pre, tolerance * (1 + std::abs(pre)));
        }
      }
  }
}

TEST(Matmul, IsCloseToDoubleWithEveryEpilogue) {
  for (Activation activation :
       {Activation::none, Activation::gelu_tanh, Activation::gelu_erf, Activation::relu,
        Activation::silu, Activation::quick_gelu, Activation::tanh})
    for (bool more : {false, true})
      expect_near_double({.m = 17,
                          .n = 45,
                          .k = 321,
                          .bias = more,
                          .pre = more,
                          .residual = more,
                          .accumulate = more,
                          .activation = activation,
                          .scale = more ? 0.25f : 1.0f},
                         1e-5);
  expect_near_double({.m = 9, .n = 40, .k = 100, .c_type = DType::bf16, .bias = true, .pre = true},
                     5e-3);
  // Operands that are bf16 already: multiplying in bf16 loses nothing but the order of the sums.
  expect_near_double({.m = 33,
                      .n = 65,
                      .k = 290,
                      .a_type = DType::bf16,
                      .b_type = DType::bf16,
                      .multiply = Multiply::bf16},
                     1e-5);
}

TEST(Matmul, F64IsExactToItsPrecision) {
  const Case c{.m = 7,
               .n = 37,
               .k = 600,
               .b_layout = Layout::transposed,
               .a_type = DType::f64,
               .b_type = DType::f64,
               .c_type = DType::f64,
               .accumulate = true};
  expect_near_double(c, 1e-13);
}

TEST(Matmul, NothingToSumIsZeroAndNothingToWriteIsNothing) {
  Stream stream(2);
  expect_exact({.m = 3, .n = 40, .k = 0, .bias = true, .residual = true}, stream);
  expect_near_double({.m = 3, .n = 40, .k = 0, .bias = true}, 1e-7);
  expect_exact({.m = 0, .n = 40, .k = 5}, stream);
  expect_exact({.m = 4, .n = 0, .k = 5}, stream);
}

TEST(Matmul, LeavesWhatIsBesideTheRowsAlone) {
  Stream stream(2);
  const Case c{.m = 20, .n = 37, .k = 50, .c_type = DType::bf16, .pre = true};
  const Problem problem(c);
  for (KernelPath path : available_kernel_paths()) {
    const ScopedKernelPath scoped(path);
    const Problem::Result result = problem.on(stream);
    for (std::int64_t i = 0; i < c.m; ++i)
      for (std::int64_t n = c.n; n < problem.c_stride(); ++n) {
        EXPECT_EQ(problem.at(result.c, i, n), problem.start(i, n));
        EXPECT_EQ(problem.at(result.pre, i, n), problem.start(i, n));
      }
  }
}

TEST(Matmul, DenormalsCountAsZeroOnEveryPathAndTheModeIsRestored) {
  Stream stream(1);
  const float tiny = 1e-39f, one = 1, half_normal = 0.5f;
  float smallest = std::numeric_limits<float>::min(), c = 7;
  for (KernelPath path : available_kernel_paths()) {
    const ScopedKernelPath scoped(path);
    MatmulArgs args;
    args.m = args.n = args.k = 1;
    args.a = {&tiny, DType::f32, Layout::rows, 1};
    args.b = {&one, DType::f32, Layout::rows, 1};
    args.c = &c;
    args.c_stride = 1;
    matmul(stream, args);
    EXPECT_EQ(c, 0.0f);
    args.a.data = &smallest;
    args.b.data = &half_normal;
    matmul(stream, args);
    EXPECT_EQ(c, 0.0f);
    matmul_reference(args);
    EXPECT_EQ(c, 0.0f);
    volatile float x = smallest;
    EXPECT_NE(x * half_normal, 0.0f);
  }
}

TEST(Matmul, AgreesWithOneDnn) {
  Stream stream(2);
  const Case c{.m = 60, .n = 130, .k = 777};
  const Problem problem(c);
  const Problem::Result ours = problem.on(stream);
  const Problem::Result theirs = problem.run([](const MatmulArgs& a) {
    dnnl::engine engine(dnnl::engine::kind::cpu, 0);
    dnnl::stream queue(engine);
    const auto f32 = dnnl::memory::data_type::f32;
    const dnnl::memory::desc ad({a.m, a.k}, f32, {a.a.stride, 1}),
        bd({a.k, a.n}, f32, {a.b.stride, 1}), cd({a.m, a.n}, f32, {a.c_stride, 1});
    const dnnl::matmul::primitive_desc plan({ad, bd, cd}, engine);
    dnnl::memory am(ad, engine, const_cast<void*>(a.a.data)),
        bm(bd, engine, const_cast<void*>(a.b.data)), cm(cd, engine, a.c);
    dnnl::matmul(plan).execute(queue,
                               {{DNNL_ARG_SRC, am}, {DNNL_ARG_WEIGHTS, bm}, {DNNL_ARG_DST, cm}});
    queue.wait();
  });
  for (std::int64_t i = 0; i < c.m; ++i)
    for (std::int64_t n = 0; n < c.n; ++n)
      ASSERT_NEAR(problem.at(ours.c, i, n), problem.at(theirs.c, i, n), 1e-4);
}

TEST(PackWeight, PanelsHoldTheWeightAndZeros) {
  Stream stream(2);
  const auto types = {DType::f32, DType::bf16, DType::f16};
  for (DType from : types)
    for (DType to : types)
      for (KernelPath path : available_kernel_paths()) {
        const ScopedKernelPath scoped(path);
        constexpr std::int64_t kOut = 70, kIn = 300;
        const Tensor rows = Tensor::empty({kOut, kIn}, from);
        const auto value = [](std::int64_t n, std::int64_t k) {
          return static_cast<float>((n * 31 + k * 7) % 256) / 64 - 2;
        };
        for (std::int64_t n = 0; n < kOut; ++n)
          for (std::int64_t k = 0; k < kIn; ++k) {
            if (from == DType::f32)
              rows.data<float>()[n * kIn + k] = value(n, k);
            else if (from == DType::bf16)
              rows.data<bf16>()[n * kIn + k] = to_bf16(value(n, k));
            else
              rows.data<f16>()[n * kIn + k] = to_f16(value(n, k));
          }
        const Weight packed = pack_weight(stream, Weight(rows), to);
        ASSERT_EQ(packed.out(), kOut);
        for (std::int64_t n = 0; n < 96; ++n)
          for (std::int64_t k = 0; k < kIn; ++k) {
            const std::int64_t at = (n / 32 * kIn + k) * 32 + n % 32;
            const float got = to == DType::f32    ? packed.value().data<float>()[at]
                              : to == DType::bf16 ? to_float(packed.value().data<bf16>()[at])
                                                  : to_float(packed.value().data<f16>()[at]);
            ASSERT_EQ(got, n < kOut ? value(n, k) : 0.0f) << n << " " << k;
          }
      }
}

TEST(Matmul, RefusesWhatItHasNoKernelFor) {
  Stream stream(1);
  float f[4] = {};
  MatmulArgs good;
  good.m = good.n = good.k = 1;
  good.a = {f, DType::f32, Layout::rows, 1};
  good.b = {f + 1, DType::f32, Layout::rows, 1};
  good.c = f + 2;
  good.c_stride = 1;
  matmul(stream, good);
  const auto refuses = [&](auto&& change) {
    MatmulArgs args = good;
    change(args);
    EXPECT_THROW(matmul(stream, args), Error);
    EXPECT_THROW(matmul_reference(args), Error);
  };
  refuses([](MatmulArgs& a) { a.k = -1; });
  refuses([](MatmulArgs& a) { a.a.dtype = DType::f64; });
  refuses([](MatmulArgs& a) { a.a.dtype = DType::i32; });
  refuses([](MatmulArgs& a) { a.a.dtype = DType::f16; });
  refuses([](MatmulArgs& a) { a.b.dtype = DType::i32; });
  refuses([](MatmulArgs& a) { a.c_dtype = DType::f16; });
  refuses([](MatmulArgs& a) { a.a.layout = Layout::transposed_panels; });
  refuses([](MatmulArgs& a) { a.a.layout = Layout::panels; });
  refuses([](MatmulArgs& a) {
    a.accumulate = true;
    a.c_dtype = DType::bf16;
  });
}

}  // namespace
}  // namespace stemma::kernels
