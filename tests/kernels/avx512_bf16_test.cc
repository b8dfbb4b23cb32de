// The bf16 product on AVX512-BF16: the order of sums, rounding, and that storage changes no bit.
// Needs the instruction (AMD Zen 4, Intel Cooper Lake and Sapphire Rapids or later).
#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <vector>

#include <gtest/gtest.h>

#include "device/cpu.h"
#include "kernels/cpu/denormals.h"
#include "kernels/matmul.h"

namespace stemma::kernels {
namespace {

using Layout = Operand::Layout;
using Bits = std::vector<std::uint16_t>;

struct ProductSizes {
  std::int64_t m, n, k;
};

float value(std::uint16_t bits) { return to_float(bf16{bits}); }

// A [M, K] and B [K, N] of bf16, row-major; any bits without infinities and NaN, or small numbers.
struct Values {
  Values(const ProductSizes& sizes, bool any, unsigned seed)
      : s(sizes), a(static_cast<std::size_t>(s.m * s.k)), b(static_cast<std::size_t>(s.k * s.n)) {
    std::mt19937 random(seed);
    std::normal_distribution<float> normal;
    for (Bits* bits : {&a, &b})
      for (std::uint16_t& x : *bits) {
        x = any ? static_cast<std::uint16_t>(random()) : to_bf16(normal(random)).bits;
        if ((x & 0x7F80u) == 0x7F80u) x &= 0xBFFFu;
        if (any && random() % 8 == 0) x &= 0x807Fu;  // denormals
      }
  }
  ProductSizes s;
  Bits a, b;
};

// One element from the SDM's words: for every pair of k the odd product, then the even one, is
// added by a fused multiply-add; chains over 256 k from 0, added in order.
float expected(const Values& v, std::int64_t i, std::int64_t n) {
  const auto a = [&](std::int64_t k) {
    return value(v.a[static_cast<std::size_t>(i * v.s.k + k)]);
  };
  const auto b = [&](std::int64_t k) {
    return value(v.b[static_cast<std::size_t>(k * v.s.n + n)]);
  };
  float total = 0;
  for (std::int64_t block = 0; block < v.s.k; block += 256) {
    float sum = 0;
    for (std::int64_t k = block; k < std::min(v.s.k, block + 256); k += 2) {
      sum = k + 1 < v.s.k ? std::fma(a(k + 1), b(k + 1), sum) : std::fma(0.0f, 0.0f, sum);
      sum = std::fma(a(k), b(k), sum);
    }
    total = block == 0 ? sum : total + sum;
  }
  return total;
}

// The matrix in memory: in f32 or bf16, rows, transposed or panels.
std::vector<std::byte> lying(const Bits& from, std::int64_t rows, std::int64_t cols, DType type,
                             Layout layout) {
  const std::int64_t panels = (cols + 31) / 32, item = static_cast<std::int64_t>(size_of(type));
  std::vector<std::byte> memory(
      static_cast<std::size_t>((layout == Layout::panels ? panels * 32 : cols) * rows * item));
  for (std::int64_t i = 0; i < rows; ++i)
    for (std::int64_t j = 0; j < cols; ++j) {
      const std::uint16_t bits = from[static_cast<std::size_t>(i * cols + j)];
      const std::int64_t at = layout == Layout::rows         ? i * cols + j
                              : layout == Layout::transposed ? j * rows + i
                                                             : (j / 32 * rows + i) * 32 + j % 32;
      const float wide = value(bits);
      std::memcpy(memory.data() + at * item,
                  type == DType::f32 ? static_cast<const void*>(&wide) : &bits,
                  static_cast<std::size_t>(item));
    }
  return memory;
}

struct Storage {
  DType a_type = DType::f32, b_type = DType::f32;
  Layout a_layout = Layout::rows, b_layout = Layout::rows;
};

std::vector<float> product(const Values& v, const Storage& how) {
  Stream stream(2);
  const std::vector<std::byte> a = lying(v.a, v.s.m, v.s.k, how.a_type, how.a_layout),
                               b = lying(v.b, v.s.k, v.s.n, how.b_type, how.b_layout);
  std::vector<float> c(static_cast<std::size_t>(v.s.m * v.s.n), 99.0f);
  MatmulArgs args;
  args.m = v.s.m;
  args.n = v.s.n;
  args.k = v.s.k;
  args.a = {a.data(), how.a_type, how.a_layout, how.a_layout == Layout::rows ? v.s.k : v.s.m};
  args.b = {b.data(), how.b_type, how.b_layout, how.b_layout == Layout::rows ? v.s.n : v.s.k};
  args.c = c.data();
  args.c_stride = v.s.n;
  args.multiply = Multiply::bf16;
  matmul(stream, args);
  return c;
}

class Avx512Bf16 : public testing::Test {
 protected:
  void SetUp() override {
    if (!cpu_features().avx512_bf16) GTEST_SKIP() << "SKIPPED: this processor has no AVX512-BF16";
  }

 private:
  // Forced only where it exists; on the others the test ends in SetUp.
  ScopedKernelPath path_{cpu_features().avx512_bf16 ? KernelPath::avx512_bf16 : KernelPath::avx2};
};

// Bit for bit in every storage, with ordinary numbers and with those of the whole range.
TEST_F(Avx512Bf16, FollowsTheInstructionsOrderInEveryStorage) {
  for (bool any : {false, true})
    for (const ProductSizes& s :
         {ProductSizes{1, 1, 1}, {1, 40, 31}, {3, 33, 2}, {14, 32, 256}, {33, 65, 289}}) {
      const Values v(s, any, 5);
      std::vector<float> wanted;
      {
        const cpu::FlushDenormals flush;
        for (std::int64_t i = 0; i < s.m; ++i)
          for (std::int64_t n = 0; n < s.n; ++n) wanted.push_back(expected(v, i, n));
      }
      for (DType a_type : {DType::f32, DType::bf16})
        for (DType b_type : {DType::f32, DType::bf16})
          for (Layout a_layout : {Layout::rows, Layout::transposed})
            for (Layout b_layout : {Layout::rows, Layout::transposed, Layout::panels}) {
              const std::vector<float> got = product(v, {a_type, b_type, a_layout, b_layout});
              for (std::size_t i = 0; i < got.size(); ++i)
                if (!std::isnan(got[i]) || !std::isnan(wanted[i])) {
                  ASSERT_EQ(got[i], wanted[i])
                      << i << " of " << s.m << " x " << s.n << " x " << s.k << " layouts "
                      << int(a_layout) << int(b_layout) << " " << to_string(a_type)
                      << to_string(b_type) << " any " << any;
                }
            }
    }
}

// x · 1 for f32 of any bits is x rounded to bf16, as to_bf16 does it but for denormals.
TEST_F(Avx512Bf16, RoundsAsTheScalarFunctionDoes) {
  constexpr std::int64_t kCount = 64 * 1024;
  std::mt19937 random(9);
  std::vector<float> x(kCount), got(kCount);
  for (float& f : x) {
    std::uint32_t bits = static_cast<std::uint32_t>(random());
    if (random() % 4 == 0) bits = (bits & 0xFFFF0000u) | 0x8000u;  // half way
    if (random() % 16 == 0) bits |= 0x7F800000u;                   // infinities and NaN
    if (random() % 16 == 0) bits &= 0x807FFFFFu;                   // denormals
    f = std::bit_cast<float>(bits);
  }
  const float one = 1;
  for (bool as_b : {false, true}) {
    Stream stream(1);
    MatmulArgs args;
    args.m = as_b ? 1 : kCount;
    args.n = as_b ? kCount : 1;
    args.k = 1;
    args.a = {as_b ? &one : x.data(), DType::f32, Layout::rows, 1};
    args.b = {as_b ? x.data() : &one, DType::f32, Layout::transposed, 1};
    args.c = got.data();
    args.c_stride = args.n;
    args.multiply = Multiply::bf16;
    matmul(stream, args);
    for (std::size_t i = 0; i < x.size(); ++i) {
      const bool tiny = std::abs(x[i]) < std::numeric_limits<float>::min();
      const float wanted = tiny ? 0.0f : to_float(to_bf16(x[i]));
      if (std::isnan(wanted)) {
        ASSERT_TRUE(std::isnan(got[i])) << i;
      } else {
        ASSERT_EQ(got[i], wanted) << std::bit_cast<std::uint32_t>(x[i]);
      }
    }
  }
}

TEST_F(Avx512Bf16, IsCloseToDouble) {
  const Values v({37, 70, 3001}, false, 2);
  const std::vector<float> got =
      product(v, {DType::f32, DType::bf16, Layout::rows, Layout::transposed});
  for (std::int64_t i = 0; i < v.s.m; ++i)
    for (std::int64_t n = 0; n < v.s.n; ++n) {
      double sum = 0, size = 0;
      for (std::int64_t k = 0; k < v.s.k; ++k) {
        const double p = static_cast<double>(value(v.a[static_cast<std::size_t>(i * v.s.k + k)])) *
                         value(v.b[static_cast<std::size_t>(k * v.s.n + n)]);
        sum += p;
        size += std::abs(p);
      }
      ASSERT_NEAR(got[static_cast<std::size_t>(i * v.s.n + n)], sum, 1e-6 * size);
    }
}

// Only bf16 products differ from avx512.
TEST_F(Avx512Bf16, MultipliesF32AsAvx512Does) {
  std::mt19937 random(4);
  std::normal_distribution<float> normal;
  std::vector<float> a(20 * 300), b(300 * 40), c[2];
  for (std::vector<float>* all : {&a, &b})
    for (float& x : *all) x = normal(random);
  Stream stream(2);
  for (KernelPath path : {KernelPath::avx512, KernelPath::avx512_bf16}) {
    const ScopedKernelPath scoped(path);
    std::vector<float>& to = c[path == KernelPath::avx512];
    to.resize(20 * 40);
    MatmulArgs args;
    args.m = 20;
    args.n = 40;
    args.k = 300;
    args.a = {a.data(), DType::f32, Layout::rows, 300};
    args.b = {b.data(), DType::f32, Layout::rows, 40};
    args.c = to.data();
    args.c_stride = 40;
    matmul(stream, args);
  }
  EXPECT_EQ(c[0], c[1]);
}

}  // namespace
}  // namespace stemma::kernels
