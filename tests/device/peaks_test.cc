#include "device/peaks.h"

#include <algorithm>

#include <gtest/gtest.h>

#include "device/cpu.h"

namespace stemma {
namespace {

TEST(Peaks, MeasuresWhatTheMachineHasAndNothingElse) {
  Stream stream(2);
  const Peaks peaks = measure_peaks(stream, {.time = std::chrono::milliseconds(10),
                                             .dram_buffer_bytes = 8 << 20,
                                             .read_buffer_bytes = 1 << 20});
  const CpuFeatures& cpu = cpu_features();
  // Any processor with AVX2 does one 8-wide multiply-add per cycle; none does 1000 at 10 GHz.
  EXPECT_GT(peaks.f32_flops, 1e9);
  EXPECT_LT(peaks.f32_flops, 2e13);
  EXPECT_EQ(peaks.amx_bf16_flops > 0, cpu.amx_bf16);
  EXPECT_EQ(peaks.amx_int8_ops > 0, cpu.amx_int8);
  EXPECT_EQ(peaks.fp16_flops > 0, cpu.avx512_fp16);
  EXPECT_EQ(peaks.bf16_dot_flops > 0, cpu.avx512_bf16);
  EXPECT_EQ(peaks.int8_ops > 0, cpu.avx512_vnni);
  EXPECT_GT(peaks.dram_bytes, 1e8);
  EXPECT_LT(peaks.dram_bytes, 1e13);
  EXPECT_GT(peaks.read_bytes, 1e8);
  EXPECT_EQ(peaks.read_buffer_bytes, std::size_t{1} << 20);
}

TEST(Peaks, TheLevelThatIsReadFollowsFromTheRates) {
  EXPECT_EQ(read_level({.dram_bytes = 10e9, .read_bytes = 11e9}), "DRAM");
  EXPECT_EQ(read_level({.dram_bytes = 10e9, .read_bytes = 8e9}), "DRAM");
  EXPECT_EQ(read_level({.dram_bytes = 10e9, .read_bytes = 14e9}), "cache");
  EXPECT_EQ(read_level({.dram_bytes = 10e9}), "unknown");
  EXPECT_EQ(read_level({.read_bytes = 10e9}), "unknown");
}

TEST(Peaks, QuickMeasuresOnlyWhatProductsMultiplyIn) {
  Stream stream(1);
  const auto begin = std::chrono::steady_clock::now();
  const Peaks peaks = measure_peaks(stream, {.time = std::chrono::milliseconds(20), .quick = true});
  EXPECT_GT(peaks.f32_flops, 1e9);
  EXPECT_EQ(peaks.int8_ops, 0);
  EXPECT_EQ(peaks.dram_bytes, 0);
  // 2 GiB of memory would take longer than this to write and read.
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(5));
}

TEST(Peaks, OfProductsFollowsTheKernelPath) {
  Peaks peaks;
  peaks.f32_flops = 1;
  peaks.bf16_dot_flops = 2;
  peaks.amx_bf16_flops = 3;
  for (KernelPath path : available_kernel_paths()) {
    const ScopedKernelPath scoped(path);
    EXPECT_EQ(multiply_peak(peaks, false), 1);
    const double bf16 = path == KernelPath::amx ? 3 : path == KernelPath::avx512_bf16 ? 2 : 1;
    EXPECT_EQ(multiply_peak(peaks, true), bf16);
  }
}

// AVX512-BF16 is the best only where its dot product is faster than f32, which is on AMD.
TEST(KernelPaths, TheBestIsLast) {
  const auto& paths = available_kernel_paths();
  const CpuFeatures& cpu = cpu_features();
  const KernelPath best = cpu.amx_bf16                 ? KernelPath::amx
                          : cpu.avx512_bf16 && cpu.amd ? KernelPath::avx512_bf16
                          : cpu.avx512                 ? KernelPath::avx512
                                                       : KernelPath::avx2;
  EXPECT_EQ(paths.back(), best);
  EXPECT_EQ(std::count(paths.begin(), paths.end(), KernelPath::avx512_bf16), cpu.avx512_bf16);
}

// A stream of two workers does about twice the work of one where two processors are free; it must
// never be counted as less than one worker's.
TEST(Peaks, CountsAllWorkers) {
  Stream one(1), two(2);
  const PeakOptions options{.time = std::chrono::milliseconds(40), .quick = true};
  EXPECT_GT(measure_peaks(two, options).f32_flops, 0.6 * measure_peaks(one, options).f32_flops);
}

}  // namespace
}  // namespace stemma
