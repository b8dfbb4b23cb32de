// The AMX product. The layouts and the order of sums are tested everywhere, on the scalar emulation
// of the tile instructions; the instructions where the processor has them.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <random>
#include <vector>

#include <gtest/gtest.h>

#include "device/cpu.h"
#include "kernels/cpu/denormals.h"
#include "kernels/cpu/matmul/kernels.h"
#include "kernels/cpu/matmul/tiles.h"

namespace stemma::kernels {
namespace {

using Layout = Operand::Layout;

std::vector<float> random_floats(std::int64_t count, unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  std::vector<float> values(static_cast<std::size_t>(count));
  for (float& x : values) x = normal(random);
  return values;
}

float rounded(float x) { return to_float(to_bf16(x)); }

// One element as the instruction computes it, written from the SDM's words: in every 32 k, the even
// and the odd products are chains from 0, their sum is added to the accumulator; blocks of 256 k
// are added.
float expected(const float* a, std::int64_t a_step, const float* b, std::int64_t b_step,
               std::int64_t k) {
  float total = 0;
  for (std::int64_t block = 0; block < k; block += 256) {
    float sum = 0;
    for (std::int64_t step = block; step < std::min(k, block + 256); step += 32) {
      float even = 0, odd = 0;
      for (std::int64_t i = step; i < std::min(k, step + 32); ++i) {
        float& chain = i % 2 ? odd : even;
        chain = std::fma(rounded(a[i * a_step]), rounded(b[i * b_step]), chain);
      }
      sum += even + odd;
    }
    total = block == 0 ? sum : total + sum;
  }
  return total;
}

struct Sizes {
  std::int64_t m, n, k;
};

void expect_order(const cpu::Engine& engine, const Sizes& s, Layout a_layout, Layout b_layout) {
  Stream stream(2);
  const std::vector<float> a = random_floats(s.m * s.k, 1);
  std::vector<float> b = random_floats(s.k * ((s.n + 31) / 32 * 32), 2);
  std::vector<float> c(static_cast<std::size_t>(s.m * s.n), 99.0f);
  MatmulArgs args;
  args.m = s.m;
  args.n = s.n;
  args.k = s.k;
  const bool a_rows = a_layout == Layout::rows, b_rows = b_layout == Layout::rows;
  args.a = {a.data(), DType::f32, a_layout, a_rows ? s.k : s.m};
  args.b = {b.data(), DType::f32, b_layout, b_rows ? s.n : s.k};
  args.c = c.data();
  args.c_stride = s.n;
  args.multiply = Multiply::bf16;
  cpu::matmul_on(engine, stream, args);
  for (std::int64_t i = 0; i < s.m; ++i)
    for (std::int64_t n = 0; n < s.n; ++n) {
      const float* row = a.data() + (a_rows ? i * s.k : i);
      const float* column = b.data() + (b_rows ? n : n * s.k);
      std::int64_t step = b_rows ? s.n : 1;
      if (b_layout == Layout::panels) {
        column = b.data() + n / 32 * s.k * 32 + n % 32;
        step = 32;
      }
      ASSERT_EQ(c[static_cast<std::size_t>(i * s.n + n)],
                expected(row, a_rows ? 1 : s.m, column, step, s.k))
          << i << ", " << n << " of " << s.m << " x " << s.n << " x " << s.k << " layouts "
          << int(a_layout) << int(b_layout);
    }
}

void expect_all(const cpu::Engine& engine) {
  for (const Sizes& s :
       {Sizes{1, 1, 1}, {5, 40, 31}, {32, 32, 32}, {33, 65, 289}, {70, 33, 520}, {3, 20, 4200}})
    for (Layout a : {Layout::rows, Layout::transposed})
      for (Layout b : {Layout::rows, Layout::transposed, Layout::panels})
        expect_order(engine, s, a, b);
}

TEST(Amx, EmulationFollowsTheOrderInEveryLayout) {
  for (KernelPath path : available_kernel_paths()) {  // packing has two forms
    const ScopedKernelPath scoped(path);
    expect_all(cpu::amx_emulation_engine());
  }
}

// Both ways to pack write the same bits, from every layout and storage, whatever is missing at the
// edges; infinities and NaN among the values.
TEST(Amx, PackingWithInstructionsEqualsThePortableOne) {
  if (!cpu_features().avx512_bf16) GTEST_SKIP() << "SKIPPED: this processor has no AVX512-BF16";
  std::mt19937 random(7);
  std::vector<float> values(96 * 96);
  for (float& x : values) {
    const std::uint32_t bits = static_cast<std::uint32_t>(random());
    std::memcpy(&x, &bits, sizeof x);
    if (!std::isnormal(x) && std::isfinite(x)) x = 0.0f;
    if (random() % 16 == 0) x = random() % 2 ? NAN : -INFINITY;
  }
  std::vector<bf16> narrow(values.size());
  std::vector<f16> half(values.size());
  for (std::size_t i = 0; i < values.size(); ++i) {
    narrow[i] = to_bf16(values[i]);
    half[i] = {static_cast<std::uint16_t>(random())};
  }
  const cpu::Engine& engine = cpu::amx_emulation_engine();
  int packed = 0;
  for (const Sizes& s : {Sizes{1, 1, 1}, {5, 40, 31}, {32, 32, 32}, {33, 65, 77}, {80, 19, 96}})
    for (DType type : {DType::f32, DType::bf16, DType::f16})
      for (Layout layout :
           {Layout::rows, Layout::transposed, Layout::panels, Layout::transposed_panels}) {
        const void* data = type == DType::f32    ? static_cast<const void*>(values.data())
                           : type == DType::bf16 ? static_cast<const void*>(narrow.data())
                                                 : static_cast<const void*>(half.data());
        const bool panels = layout == Layout::panels || layout == Layout::transposed_panels;
        MatmulArgs args;
        args.m = s.m;
        args.n = s.n;
        args.k = s.k;
        args.multiply = Multiply::bf16;
        args.a = args.b = {data, type, layout, 96};
        if (panels) args.n = std::min<std::int64_t>(s.n, 64);
        // From within the operand, where the layout lets a piece begin anywhere.
        const std::int64_t skipped = s.k <= 3                              ? 0
                                     : layout != Layout::transposed_panels ? 3
                                     : s.k > 32                            ? 32
                                                                           : 0;
        const std::int64_t depth = s.k - skipped;
        const std::size_t words = static_cast<std::size_t>((depth + 31) / 32 * 1024);
        std::vector<std::uint16_t> portable(words + 32, 7), pairs(words + 32, 9);
        const auto compare = [&](auto&& pack) {
          {
            const ScopedKernelPath scoped(KernelPath::avx2);
            pack(portable.data());
          }
          const ScopedKernelPath scoped(KernelPath::avx512_bf16);
          pack(pairs.data());
          for (std::size_t i = 0; i < words; ++i) {
            ASSERT_EQ(portable[i], pairs[i]) << i << " of " << s.m << " x " << s.n << " x " << s.k;
            packed += portable[i] != 0;
          }
        };
        for (std::int64_t row = 0; row < args.m && !panels; row += 32)
          compare([&](std::uint16_t* to) {
            engine.pack_strip(args, row, static_cast<int>(std::min<std::int64_t>(32, args.m - row)),
                              {s.k - depth, depth}, to);
          });
        for (std::int64_t col = 0; col < args.n; col += 32)
          compare([&](std::uint16_t* to) {
            engine.pack_panel(args, col, {s.k - depth, depth}, to);
          });
      }
  EXPECT_GT(packed, 1000);
}

TEST(Amx, EmulatedTileMultipliesPairs) {
  std::vector<std::uint16_t> a(512), b(512);
  std::vector<float> c(256, 1.0f);
  // Row m of A: 1 at k = m and 2 at k = m + 16. Column n of B: k + 100 n.
  for (int m = 0; m < 16; ++m) {
    a[static_cast<std::size_t>(m * 32 + m)] = to_bf16(1.0f).bits;
    a[static_cast<std::size_t>(m * 32 + m + 16)] = to_bf16(2.0f).bits;
  }
  for (int k = 0; k < 32; ++k)
    for (int n = 0; n < 16; ++n)
      b[static_cast<std::size_t>(k / 2 * 32 + n * 2 + k % 2)] =
          to_bf16(static_cast<float>(k + 4 * n)).bits;
  cpu::tile_dot_emulated(c.data(), a.data(), b.data());
  for (int m = 0; m < 16; ++m)
    for (int n = 0; n < 16; ++n)
      ASSERT_EQ(c[static_cast<std::size_t>(m * 16 + n)],
                static_cast<float>(1 + (m + 4 * n) + 2 * (m + 16 + 4 * n)));
}

TEST(Amx, InstructionsFollowTheOrderInEveryLayout) {
  if (!cpu_features().amx_bf16) GTEST_SKIP() << "SKIPPED: this processor has no AMX bf16";
  expect_all(cpu::amx_engine());
}

// With values over the whole range, denormals among them: bit for bit.
TEST(Amx, InstructionsEqualTheEmulation) {
  if (!cpu_features().amx_bf16) GTEST_SKIP() << "SKIPPED: this processor has no AMX bf16";
  std::mt19937 random(3);
  std::vector<std::uint16_t> a(1024), b(1024);
  for (int round = 0; round < 50; ++round) {
    for (std::vector<std::uint16_t>* tile : {&a, &b})
      for (std::uint16_t& bits : *tile) {
        bits = static_cast<std::uint16_t>(random());
        if ((bits & 0x7F80u) == 0x7F80u) bits &= 0xBFFFu;  // no infinities and NaN
        if (random() % 8 == 0) bits &= 0x807Fu;            // denormals
      }
    std::vector<float> real(1024), emulated(1024);
    const std::byte* ahead = reinterpret_cast<const std::byte*>(a.data());
    cpu::RealTiles::configure();
    cpu::RealTiles tiles;
    tiles.zero();
    for (int i = 0; i < 3; ++i) tiles.multiply({a.data(), b.data(), ahead}, 1, true);
    tiles.store(real.data(), 32, true);
    cpu::RealTiles::release();
    const cpu::FlushDenormals flush;
    cpu::EmulatedTiles scalar;
    scalar.zero();
    for (int i = 0; i < 3; ++i) scalar.multiply({a.data(), b.data(), ahead}, 1, true);
    scalar.store(emulated.data(), 32, true);
    for (std::size_t i = 0; i < 1024; ++i)
      if (!std::isnan(real[i]) || !std::isnan(emulated[i])) {
        ASSERT_EQ(real[i], emulated[i]) << i;
      }
  }
}

}  // namespace
}  // namespace stemma::kernels
