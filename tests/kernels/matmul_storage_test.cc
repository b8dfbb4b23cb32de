// However B is stored, the product has the bits that the same values give as rows of f32: every
// element type in every layout, on every kernel path, and AMX through its scalar emulation.
#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "device/cpu.h"
#include "kernels/cpu/matmul/kernels.h"
#include "kernels/matmul.h"

namespace stemma::kernels {
namespace {

using Layout = Operand::Layout;

constexpr DType kElements[] = {DType::f32, DType::bf16, DType::f16};
constexpr Layout kLayouts[] = {Layout::rows, Layout::transposed, Layout::panels,
                               Layout::transposed_panels};

struct Dimensions {
  std::int64_t m, n, k;
};

float as_stored(float x, DType type) {
  return type == DType::bf16 ? to_float(to_bf16(x)) : type == DType::f16 ? to_float(to_f16(x)) : x;
}

// Values over the range of f16, its denormals among them.
std::vector<float> spread_values(std::int64_t count, DType type, unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  std::vector<float> values(static_cast<std::size_t>(count));
  for (float& x : values)
    x = as_stored(std::ldexp(normal(random), static_cast<int>(random() % 24) - 20), type);
  return values;
}

// B [K, N] as `layout` lays it out in `type`, with NaN where panels hold nothing.
struct StoredMatrix {
  StoredMatrix(const std::vector<float>& b, const Dimensions& s, DType type, Layout layout) {
    const std::int64_t stride = layout == Layout::rows ? s.n + 3 : s.k + 5;
    const std::int64_t rows = layout == Layout::rows ? s.k : s.n;
    const std::int64_t across = layout == Layout::panels ? s.n : s.k;
    const bool panels = layout == Layout::panels || layout == Layout::transposed_panels;
    const std::int64_t count =
        panels ? (across + 31) / 32 * 32 * (s.n + s.k - across) : rows * stride;
    const std::size_t item = size_of(type);
    memory.resize(static_cast<std::size_t>(count) * item);
    const auto set = [&](std::int64_t at, float x) {
      const std::uint16_t narrow = type == DType::bf16 ? to_bf16(x).bits : to_f16(x).bits;
      std::memcpy(memory.data() + static_cast<std::size_t>(at) * item,
                  type == DType::f32 ? static_cast<const void*>(&x) : &narrow, item);
    };
    for (std::int64_t i = 0; i < count; ++i) set(i, std::numeric_limits<float>::quiet_NaN());
    for (std::int64_t k = 0; k < s.k; ++k)
      for (std::int64_t n = 0; n < s.n; ++n) {
        const std::int64_t at = layout == Layout::rows         ? k * stride + n
                                : layout == Layout::transposed ? n * stride + k
                                : layout == Layout::panels     ? (n / 32 * s.k + k) * 32 + n % 32
                                                               : (k / 32 * s.n + n) * 32 + k % 32;
        set(at, b[static_cast<std::size_t>(k * s.n + n)]);
      }
    operand = {memory.data(), type, layout, panels ? 0 : stride};
  }
  std::vector<std::byte> memory;
  Operand operand;
};

// product(args) for the same A and B stored in every way must give the bits of rows of f32.
template <class F>
void expect_storage_changes_nothing(Multiply multiply, const std::string& what, F&& product) {
  for (const Dimensions& s : {Dimensions{1, 1, 1},
                              {1, 70, 300},
                              {2, 33, 17},
                              {6, 40, 64},
                              {13, 97, 515},
                              {29, 45, 290},
                              {44, 70, 600}})
    for (const DType type : kElements) {
      const std::vector<float> a = spread_values(s.m * s.k, DType::f32, 1),
                               b = spread_values(s.k * s.n, type, 2);
      const auto run = [&](const Operand& operand) {
        std::vector<float> c(static_cast<std::size_t>(s.m * s.n), 99.0f);
        MatmulArgs args;
        args.m = s.m;
        args.n = s.n;
        args.k = s.k;
        args.a = {a.data(), DType::f32, Layout::rows, s.k};
        args.b = operand;
        args.c = c.data();
        args.c_stride = s.n;
        args.multiply = multiply;
        product(args);
        return c;
      };
      const StoredMatrix dense(b, s, DType::f32, Layout::rows);
      const std::vector<float> wanted = run(dense.operand);
      ASSERT_FALSE(std::isnan(wanted.back()));
      for (const Layout layout : kLayouts) {
        const StoredMatrix stored(b, s, type, layout);
        const std::vector<float> got = run(stored.operand);
        EXPECT_EQ(std::memcmp(got.data(), wanted.data(), got.size() * sizeof(float)), 0)
            << what << ", multiply " << to_string(multiply) << ", " << to_string(type)
            << " in layout " << int(layout) << ", " << s.m << " x " << s.n << " x " << s.k;
      }
    }
}

TEST(MatmulStorage, ChangesNoBitOnAnyPath) {
  Stream stream(2);
  for (const KernelPath path : available_kernel_paths())
    for (const Multiply multiply : {Multiply::f32, Multiply::bf16}) {
      const ScopedKernelPath scoped(path);
      expect_storage_changes_nothing(multiply, std::string(to_string(path)),
                                     [&](const MatmulArgs& args) { matmul(stream, args); });
    }
}

TEST(MatmulStorage, ChangesNoBitOfTheReference) {
  for (const KernelPath path : available_kernel_paths())
    for (const Multiply multiply : {Multiply::f32, Multiply::bf16}) {
      const ScopedKernelPath scoped(path);
      expect_storage_changes_nothing(multiply, "reference on " + std::string(to_string(path)),
                                     [](const MatmulArgs& args) { matmul_reference(args); });
    }
}

// Tiles are packed in two ways, by the path.
TEST(MatmulStorage, ChangesNoBitOnEmulatedAmxTiles) {
  Stream stream(2);
  for (const KernelPath path : available_kernel_paths()) {
    const ScopedKernelPath scoped(path);
    expect_storage_changes_nothing(
        Multiply::bf16, "AMX, packed on " + std::string(to_string(path)),
        [&](const MatmulArgs& args) { cpu::matmul_on(cpu::amx_emulation_engine(), stream, args); });
  }
}

// An engine whose caches hold next to nothing takes k in several turns and packs panels together.
TEST(MatmulStorage, ChangesNoBitWhereCachesAreSmall) {
  for (const KernelPath path : {KernelPath::avx2, KernelPath::avx512}) {
    const auto& paths = available_kernel_paths();
    if (std::find(paths.begin(), paths.end(), path) == paths.end()) continue;
    const ScopedKernelPath scoped(path);
    for (const std::int64_t streamed : {std::int64_t{0}, std::int64_t{8} << 20}) {
      cpu::Engine engine = path == KernelPath::avx2 ? cpu::avx2_engine() : cpu::avx512_engine();
      engine.blocking.pass_depth = 512;
      engine.blocking.packed_strips_bytes = engine.blocking.packed_panels_bytes = 100 << 10;
      engine.blocking.sub_depth = 256;
      engine.blocking.strip_bytes = 24 << 10;
      engine.blocking.streamed_bytes = streamed;
      Stream stream(2);
      expect_storage_changes_nothing(
          Multiply::f32, "small caches on " + std::string(to_string(path)),
          [&](const MatmulArgs& args) { cpu::matmul_on(engine, stream, args); });
    }
  }
}

TEST(MatmulStorage, OperandsOfAWeightAreItsMatrixAndTheTranspose) {
  const Tensor rows = Tensor::zeros({70, 40}, DType::f16);
  EXPECT_EQ(rows_of(Weight(rows)).layout, Layout::rows);
  EXPECT_EQ(transposed_of(Weight(rows)).layout, Layout::transposed);
  const Weight packed = Weight::panels(Tensor::zeros({3, 40, 32}, DType::f16), 70);
  EXPECT_EQ(rows_of(packed).layout, Layout::transposed_panels);
  EXPECT_EQ(transposed_of(packed).layout, Layout::panels);
  EXPECT_THROW(rows_of(Weight(Tensor::zeros({2, 3, 4}, DType::f32))), std::exception);
  EXPECT_THROW(transposed_of(Weight(Tensor::zeros({3}, DType::f32))), std::exception);
}

}  // namespace
}  // namespace stemma::kernels
